/* Every allocation may fail while weights of colours are adapted to a model of more bands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "engine/setup/weights.h"

#include <cmocka.h> /* last: it has a macro called fail */

#include "../out_of_memory.h"

static value *cfg;

static model *build(int channels, arena *mem)
{
    char text[600];
    cseg_error err;
    model *m = NULL;
    snprintf(text, sizeof text,
             "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, "
             "stem_channels=4, num_stages=2, out_indices=(0, 1), strides=(1, 2), dilations=(1, 1), in_channels=%d, "
             "init_cfg=dict(type='Pretrained', checkpoint='three.pth', adapt_in_channels='repeat')), "
             "decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_convs=1, num_classes=2, in_index=1))",
             channels);
    if (config_parse_text(text, "made.py", mem, &cfg, &err) != CSEG_OK ||
        model_build(value_get(cfg, "model"), &(model_options){0}, &m, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return m;
}

static cseg_status load(void *arg, cseg_error *err)
{
    return weights_load_pretrained(arg, err);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    cseg_error err;
    arena *mem = arena_new();
    model *m = build(3, mem);
    pth_builder b = {.mem = mem};
    pth_value *states = pth_ordered_dict(&b);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        if (p->type == DT_F32 && strncmp(p->name, "backbone.", 9) == 0)
            pth_set(&b, states, p->name + 9, pth_tensor_value(&b, PTH_F32, p->rank, p->dim, p->data));
    }
    assert_int_equal(pth_write("three.pth", &b, states, &err), CSEG_OK);
    model_free(m);
    m = build(6, mem);
    fail_each_allocation("adapting weights", load, m, 150);
    model_free(m);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
