/* Any bytes as a checkpoint; then every tensor. */
#include "io/torch/pth.h"

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
    }
    arena_free(mem);
    return 0;
}
