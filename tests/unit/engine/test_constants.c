/* Entries of the state dict that ops compute by themselves: files are compared with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "engine/setup/weights.h"
#include "model/param.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#define INDEX "backbone.stages.0.blocks.1.attn.w_msa.relative_position_index"

static void check(cseg_status status, const cseg_error *err)
{
    if (status != CSEG_OK)
        fail_msg("%s", err->text);
}

static model *build(arena *mem)
{
    cseg_error err;
    value *cfg = NULL;
    model *m = NULL;
    check(config_parse_text("model = dict(type='EncoderDecoder', backbone=dict(type='SwinTransformer', embed_dims=4,\n"
                            "  window_size=2, depths=(2,), num_heads=(2,), strides=(4,), out_indices=(0,)),\n"
                            "  decode_head=dict(type='FCNHead', in_channels=4, in_index=0, channels=4, num_convs=1,\n"
                            "  num_classes=3))\n",
                            "test.py", mem, &cfg, &err),
          &err);
    check(model_build(value_get(cfg, "model"), NULL, &m, &err), &err);
    return m;
}

typedef enum { AS_OURS, OTHER_VALUE, OTHER_TYPE, FLOATS, LEFT_OUT } what;

/* All of m's entries; of the second block's index, what is told. */
static void write_file(const model *m, what index)
{
    cseg_error err;
    arena *mem = arena_new();
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b), *states = pth_ordered_dict(&b);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        bool told = strcmp(p->name, INDEX) == 0;
        pth_type type = p->type == DT_I64 ? PTH_I64 : PTH_F32;
        void *data = p->data;
        if (told && index == OTHER_VALUE) {
            int64_t *other = ARENA_ARRAY(mem, (size_t)p->count, int64_t);
            memcpy(other, data, (size_t)p->count * sizeof *other);
            other[6]++;
            data = other;
        } else if (told && (index == OTHER_TYPE || index == FLOATS)) {
            int32_t *whole = ARENA_ARRAY(mem, (size_t)p->count, int32_t);
            float *broken = ARENA_ARRAY(mem, (size_t)p->count, float);
            for (int64_t k = 0; k < p->count; k++) {
                whole[k] = (int32_t)((const int64_t *)p->data)[k];
                broken[k] = (float)whole[k];
            }
            type = index == FLOATS ? PTH_F32 : PTH_I32;
            data = index == FLOATS ? (void *)broken : (void *)whole;
        }
        if (!told || index != LEFT_OUT)
            pth_set(&b, states, p->name, pth_tensor_value(&b, type, p->rank, p->dim, data));
    }
    pth_set(&b, root, "state_dict", states);
    check(pth_write("constants.pth", &b, root, &err), &err);
    arena_free(mem);
}

static cseg_status load(what index, weights_mode mode, cseg_error *err)
{
    static const int64_t ours[16] = {4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4};
    arena *mem = arena_new();
    model *m = build(mem);
    model_init_weights(m, 3);
    write_file(m, index);
    cseg_status status = weights_load_from(m, "constants.pth", NULL, mode, err);
    remove("constants.pth");
    assert_memory_equal(model_find(m, INDEX)->data, ours, sizeof ours); /* whatever the file says */
    model_free(m);
    arena_free(mem);
    return status;
}

static void the_same_numbers_are_taken(void **state)
{
    (void)state;
    cseg_error err;
    check(load(AS_OURS, WEIGHTS_EXACT, &err), &err);
    check(load(OTHER_TYPE, WEIGHTS_EXACT, &err), &err);
    check(load(LEFT_OUT, WEIGHTS_EXACT, &err), &err);
}

static void others_are_refused(void **state)
{
    (void)state;
    static const weights_mode modes[] = {WEIGHTS_EXACT, WEIGHTS_FINETUNE};
    for (int i = 0; i < 2; i++) {
        cseg_error err;
        assert_int_equal(load(OTHER_VALUE, modes[i], &err), CSEG_SHAPE);
        assert_non_null(strstr(err.text, "constants.pth: " INDEX));
        assert_non_null(strstr(err.text, "number 6 is 3, not 2"));
        assert_int_equal(load(FLOATS, modes[i], &err), CSEG_SHAPE);
        assert_non_null(strstr(err.text, "integers are needed"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_numbers_are_taken),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
