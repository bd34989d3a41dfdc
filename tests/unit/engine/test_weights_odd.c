/* Weights in the wrappings of other trainers, and weights that have gone wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "engine/setup/weights.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

static char said[4096];

static void hear(void *arg, log_level level, const char *text)
{
    (void)arg;
    size_t n = strlen(said);
    if (level == LOG_WARNING)
        snprintf(said + n, sizeof said - n, "%s\n", text);
}

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
    check(config_parse_text(
              "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4,\n"
              "  stem_channels=4), decode_head=dict(type='FCNHead', in_channels=32, channels=8,\n"
              "  num_convs=1, num_classes=3))\n",
              "test.py", mem, &cfg, &err),
          &err);
    check(model_build(value_get(cfg, "model"), NULL, &m, &err), &err);
    return m;
}

/* All of m's entries under WRAPPER (NULL: in the root), called FRONT and their names; each is its number, but for
 * `odd`, one of whose elements is v. */
static void write_file(const model *m, const char *wrapper, const char *front, const char *odd, float v)
{
    cseg_error err;
    arena *mem = arena_new();
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b), *states = wrapper ? pth_ordered_dict(&b) : root;
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        if (p->type != DT_F32)
            continue;
        float *data = ARENA_ARRAY(mem, (size_t)p->count, float);
        for (int64_t k = 0; k < p->count; k++)
            data[k] = (float)i;
        if (strcmp(p->name, odd) == 0)
            data[p->count / 2] = v;
        char name[300];
        snprintf(name, sizeof name, "%s%s", front, p->name);
        pth_set(&b, states, name, pth_tensor_value(&b, PTH_F32, p->rank, p->dim, data));
    }
    if (wrapper)
        pth_set(&b, root, wrapper, states);
    pth_set(&b, root, "epoch", pth_int(&b, 299));
    check(pth_write("odd.pth", &b, root, &err), &err);
    arena_free(mem);
}

static cseg_status load(model *m, cseg_error *err)
{
    said[0] = 0;
    log_set_sink(hear, NULL);
    cseg_status status = weights_load_from(m, "odd.pth", NULL, WEIGHTS_EXACT, err);
    log_set_sink(NULL, NULL);
    remove("odd.pth");
    return status;
}

static void wrapped_weights_are_loaded(void **state)
{
    (void)state;
    static const char *const wrappers[] = {NULL, "state_dict", "model", "model_state_dict"};
    static const char *const fronts[] = {"", "module."};
    for (size_t i = 0; i < 8; i++) {
        cseg_error err;
        arena *mem = arena_new();
        model *m = build(mem);
        write_file(m, wrappers[i / 2], fronts[i % 2], "", 0);
        check(load(m, &err), &err);
        assert_string_equal(said, "");
        for (size_t k = 0; k < m->params.n; k++) {
            const param *p = m->params.at[k];
            if (p->type == DT_F32)
                assert_true(((const float *)p->data)[p->count - 1] == (float)k);
        }
        model_free(m);
        arena_free(mem);
    }
}

static void weights_that_are_not_finite_are_told(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const char odd[] = "decode_head.conv_seg.weight";
    cseg_error err;
    arena *mem = arena_new();
    model *m = build(mem);
    for (int i = 0; i < 3; i++) {
        write_file(m, "state_dict", "", odd, bad[i]);
        check(load(m, &err), &err);
        assert_non_null(
            strstr(said, "1 of its tensors hold infinity or what is not a number: decode_head.conv_seg.weight"));
    }
    write_file(m, "state_dict", "", odd, 3e38f);
    check(load(m, &err), &err);
    assert_string_equal(said, "");
    model_free(m);
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapped_weights_are_loaded),
        cmocka_unit_test(weights_that_are_not_finite_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
