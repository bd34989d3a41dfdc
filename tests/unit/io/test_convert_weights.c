/* Weights of other programs: the same names, shapes and bytes as the reference's converters give
 * (tests/data/io/make_weights.py), and what is no such file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "io/torch/convert/weights_convert.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;

static int setup(void **state)
{
    (void)state;
    mem = arena_new();
    return mem ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

static char *line_of(const weight *w)
{
    strbuf b = {.mem = mem};
    strbuf_addf(&b, "%s %s ", w->name, pth_type_name(w->type));
    for (int i = 0; i < w->ndim; i++)
        strbuf_addf(&b, "%s%lld", i ? "x" : "", (long long)w->shape[i]);
    if (w->ndim == 0)
        strbuf_add(&b, "-");
    strbuf_addf(&b, " %08lx", crc32(0, w->data, (unsigned)((size_t)w->count * pth_type_size(w->type))));
    return b.text;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* head: "= NAME FILE MODEL"; lines: what the reference makes of it. Returns how many lines there were. */
static int check_case(const char *head, char **lines)
{
    char name[64], file[64], model[64];
    pth *p;
    weights_converted out;
    int n = 0;
    assert_int_equal(sscanf(head, "= %63s %63s %63s", name, file, model), 3);
    if (pth_open(arena_printf(mem, "%s/io/weights/%s", TEST_DATA, file), mem, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    const weight_source *s = weights_recognise(p);
    assert_non_null(s);
    if (strcmp(name, "mae") != 0)
        assert_string_equal(s->name, model);
    if (weights_convert(p, weights_source_named(model), mem, &out, &err) != CSEG_OK)
        fail_msg("%s: %s", name, err.text);
    char **ours = ARENA_ARRAY(mem, out.kept.n, char *);
    for (size_t i = 0; i < out.kept.n; i++)
        ours[i] = line_of(&out.kept.at[i]);
    while (lines[n] && *lines[n] != '=')
        n++;
    qsort(ours, out.kept.n, sizeof *ours, by_text);
    qsort(lines, (size_t)n, sizeof *lines, by_text);
    for (int i = 0; i < n && (size_t)i < out.kept.n; i++)
        if (strcmp(ours[i], lines[i]) != 0)
            fail_msg("%s: %s, the reference has %s", name, ours[i], lines[i]);
    assert_int_equal(out.kept.n, n);
    return n;
}

static void results_are_the_reference_s(void **state)
{
    (void)state;
    char *text, *lines[4096];
    size_t size;
    int n = 0, cases = 0;
    assert_int_equal(file_read(TEST_DATA "/io/weights.txt", 0, mem, &text, &size, &err), CSEG_OK);
    for (char *line = strtok(text, "\n"); line && n < 4095; line = strtok(NULL, "\n"))
        lines[n++] = line;
    lines[n] = NULL;
    for (int i = 0; i < n; cases++)
        i += 1 + check_case(lines[i], &lines[i + 1]);
    assert_int_equal(cases, 14);
}

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name, *to, *want; /* want NULL: it does not fit */
    } cases[] = {
        {"a.b", "a.b", "c", "c"},
        {"a.b", "a.bc", "c", NULL},
        {"a*", "a", "b*", "b"},
        {"*b*", "aabcb", "*x*", "aaxcb"},
        {"*.b", "x.b.b", "*", "x.b"},
        {"*.ab", "a.a.ab", "*", "a.a"},
        {"a#.*", "a12.x", "b.#-1.*", "b.11.x"},
        {"a#.*", "a.x", "b", NULL},
        {"a#<9.*", "a8.x", "b#.*", "b8.x"},
        {"a#<9.*", "a9.x", "b", NULL},
        {"a#<18.#", "a17.3", "#.#-18", "17.-15"},
        {"*#.w", "a.1.b.22.w", "*|#", "a.1.b.|22"},
        {"a#.b", "a12345678901234567890.b", "#", NULL},
        {"*a*b*c*", "xaybzc", "*-*-*-*", "x-y-z-"},
        {"*", "", "<*>", "<>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        captures c;
        bool fits = weight_matches(cases[i].pattern, cases[i].name, &c);
        char *got = fits ? weight_expand(cases[i].to, &c, mem) : NULL;
        if (fits != !!cases[i].want || (fits && strcmp(got, cases[i].want) != 0))
            fail_msg("%s on %s gives %s", cases[i].pattern, cases[i].name, fits ? got : "nothing");
    }
}

/* --- odd files --- */

static const float numbers[64] = {1, 2, 3};

typedef struct made_tensor {
    const char *name;
    int ndim;
    int64_t shape[4];
} made_tensor;

static pth *made(const made_tensor *t, int n)
{
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b);
    pth *p = NULL;
    for (int i = 0; i < n; i++)
        pth_set(&b, root, t[i].name, pth_tensor_value(&b, PTH_F32, t[i].ndim, t[i].shape, numbers));
    assert_int_equal(pth_write("made.pth", &b, root, &err), CSEG_OK);
    assert_int_equal(pth_open("made.pth", mem, &p, &err), CSEG_OK);
    remove("made.pth");
    return p;
}

static void check_fails(const char *model, cseg_status status, const char *says, const made_tensor *t, int n)
{
    weights_converted out;
    cseg_status got = weights_convert(made(t, n), weights_source_named(model), mem, &out, &err);
    if (got != status || !strstr(err.text, says))
        fail_msg("%s: %d: %s", model, (int)got, err.text);
}

static void what_cannot_be_converted_is_named(void **state)
{
    (void)state;
    check_fails("mit", CSEG_NOT_FOUND, "has 'block1.0.attn.q.weight', but no 'block1.0.attn.kv.weight'",
                (made_tensor[]){{"block1.0.attn.q.weight", 2, {2, 2}}}, 1);
    check_fails("mit", CSEG_SHAPE, "cannot be joined",
                (made_tensor[]){{"block1.0.attn.q.weight", 2, {2, 2}}, {"block1.0.attn.kv.weight", 2, {4, 3}}}, 2);
    check_fails("mit", CSEG_SHAPE, "as mit: tensor 'block1.0.mlp.fc1.weight' is [4]; a matrix is expected",
                (made_tensor[]){{"block1.0.mlp.fc1.weight", 1, {4}}}, 1);
    check_fails("swin", CSEG_SHAPE, "a last dimension of 4 pixels",
                (made_tensor[]){{"layers.0.downsample.norm.weight", 1, {6}}}, 1);
    check_fails("swin", CSEG_SHAPE, "a last dimension of 4 pixels",
                (made_tensor[]){{"layers.0.downsample.reduction.weight", 2, {6, 0}}}, 1);
    check_fails("vit", CSEG_CORRUPT, "two of its tensors become 'layers.0.ln1.weight'",
                (made_tensor[]){{"blocks.0.norm1.weight", 1, {4}}, {"layers.0.ln1.weight", 1, {4}}}, 2);
    check_fails("vit_jax", CSEG_SHAPE, "a convolution's kernel", (made_tensor[]){{"embedding/kernel", 2, {2, 2}}}, 1);
}

/* A view of one number as 2^40 of them: made of a file whose shape is changed where it stands. */
static void views_do_not_fill_the_memory(void **state)
{
    (void)state;
    weights_converted out;
    pth *p = made((made_tensor[]){{"blocks.0.attn.qkv.weight", 1, {1}}}, 1);
    pth_tensor *t = (pth_tensor *)(uintptr_t)pth_at(p, 0);
    t->shape[0] = t->count = (int64_t)1 << 40;
    t->stride[0] = 0;
    assert_int_equal(weights_convert(p, weights_source_named("vit"), mem, &out, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "far larger than the file"));
}

static cseg_status convert_file(const char *name, arena *own)
{
    pth *p;
    weights_converted out;
    pth_builder b = {.mem = own};
    TRY(pth_open(name, own, &p, &err));
    const weight_source *s = weights_recognise(p);
    TRY(weights_convert(p, s, own, &out, &err));
    pth_value *dict = pth_ordered_dict(&b);
    for (size_t i = 0; i < out.kept.n; i++) {
        const weight *w = &out.kept.at[i];
        pth_set(&b, dict, w->name, pth_tensor_value(&b, w->type, w->ndim, w->shape, w->data));
    }
    return pth_write_safetensors("out_of_memory.safetensors", &b, dict, &err);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const files[] = {"svt.safetensors", "vit_jax.npz"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *name = arena_printf(mem, "%s/io/weights/%s", TEST_DATA, files[i]);
        cseg_status status = CSEG_NO_MEMORY;
        for (long n = 1; status != CSEG_OK; n++) {
            arena *own = arena_new();
            mem_fail_at(n);
            status = convert_file(name, own);
            mem_fail_at(0);
            arena_free(own);
            if (status != CSEG_OK && status != CSEG_NO_MEMORY)
                fail_msg("%s: allocation %ld: %s", files[i], n, err.text);
            assert_true(n < 10000);
        }
        remove("out_of_memory.safetensors");
    }
}

static void names_of_data_parallel_are_known_too(void **state)
{
    (void)state;
    weights_converted out;
    pth *p = made((made_tensor[]){{"module.patch_embed1.proj.weight", 1, {4}},
                                  {"module.block1.0.attn.q.weight", 2, {1, 2}},
                                  {"module.block1.0.attn.kv.weight", 2, {2, 2}},
                                  {"module.block1.1.attn.kv.weight", 2, {2, 2}},
                                  {"module.head.weight", 1, {3}}},
                  5);
    const weight_source *s = weights_recognise(p);
    assert_string_equal(s->name, "mit");
    assert_int_equal(weights_convert(p, s, mem, &out, &err), CSEG_OK);
    assert_int_equal(out.kept.n, 2);
    assert_string_equal(out.kept.at[1].name, "layers.0.1.0.attn.attn.in_proj_weight");
    assert_int_equal(out.kept.at[1].shape[0], 3);
    assert_int_equal(out.dropped.n, 2); /* the second block's has nothing to be joined to */
    assert_string_equal(out.dropped.at[0], "module.block1.1.attn.kv.weight");
    assert_string_equal(out.dropped.at[1], "module.head.weight");
}

static void other_files_are_not_recognised(void **state)
{
    (void)state;
    assert_null(weights_recognise(made((made_tensor[]){{"layers.0.ln1.weight", 1, {4}}}, 1)));
    assert_null(weights_recognise(made(NULL, 0)));
    /* ViT-B/16 and ViT-L/14 alone are split for SAN. */
    assert_null(weights_recognise(made((made_tensor[]){{"visual.class_embedding", 1, {4}},
                                                       {"visual.transformer.resblocks.11.ln_1.weight", 1, {4}},
                                                       {"visual.transformer.resblocks.12.ln_1.weight", 1, {4}}},
                                       3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_the_reference_s),       cmocka_unit_test(patterns),
        cmocka_unit_test(what_cannot_be_converted_is_named), cmocka_unit_test(views_do_not_fill_the_memory),
        cmocka_unit_test(every_allocation_may_fail),         cmocka_unit_test(names_of_data_parallel_are_known_too),
        cmocka_unit_test(other_files_are_not_recognised),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
