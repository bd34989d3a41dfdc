/* Any bytes as a checkpoint; then every tensor, and all of them under other names. */
#include "io/torch/convert/weights_convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    arena *mem = arena_new();
    cseg_error err;
    pth *p;
    if (pth_open_bytes(data, n, "fuzz", mem, &p, &err) == CSEG_OK) {
        for (size_t i = 0; i < pth_count(p); i++) {
            const pth_tensor *t = pth_at(p, i);
            if (t->count > 10000)
                continue;
            float *f = mem_alloc((size_t)t->count * sizeof *f);
            int64_t *l = mem_alloc((size_t)t->count * sizeof *l);
            pth_tensor_f32(p, t, f, &err);
            pth_tensor_i64(p, t, l, &err);
            pth_tensor_raw(p, t, l, &err);
            mem_free(f);
            mem_free(l);
        }
        weights_converted out;
        for (size_t i = 0; pth_count(p) < 1000 && weights_source_at(i); i++)
            weights_convert(p, weights_source_at(i), mem, &out, &err);
        weights_recognise(p);
    }
    arena_free(mem);
    return 0;
}
