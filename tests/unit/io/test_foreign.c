/* What stands in a checkpoint's place is named; and where in a checkpoint the weights may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "io/torch/pth.h"
#include "made.h"

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

#define BYTES(s) s, sizeof s - 1

static void other_files_are_named(void **state)
{
    (void)state;
    static char tar[600] = "model.pth";
    memcpy(tar + 257, "ustar", 5);
    const struct {
        const char *bytes;
        size_t n;
        const char *what, *way;
        cseg_status status;
    } cases[] = {
        {BYTES(""), "an empty file", "get it again", CSEG_CORRUPT},
        {BYTES("<!DOCTYPE html><html><head><title>Sign in</title>"), "an HTML page", "log in", CSEG_CORRUPT},
        {BYTES("\xef\xbb\xbf\r\n  <HTML lang=de>"), "an HTML page", "log in", CSEG_CORRUPT},
        {BYTES("<!-- saved --><?php?><html>"), "an HTML page", "raw", CSEG_CORRUPT},
        {BYTES("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>"), "an XML document", "log in", CSEG_CORRUPT},
        {BYTES("<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"x\">"), "an HTML page", "log in", CSEG_CORRUPT},
        {BYTES("{\"error\": \"Repository not found\"}"), "JSON text", "log in", CSEG_CORRUPT},
        {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 94\n"), "a Git LFS pointer",
         "`git lfs pull`", CSEG_CORRUPT},
        {BYTES("_base_ = ['a.py']\nmodel = dict(name='Gr\xc3\xb6\xc3\x9f')\n"), "text", "before the checkpoint",
         CSEG_CORRUPT},
        {BYTES("\x1f\x8b\x08\0\0\0"), "a gzip file", "gunzip", CSEG_CORRUPT},
        {BYTES("BZh91AY&SY"), "a bzip2 file", "bunzip2", CSEG_CORRUPT},
        {BYTES("\xfd"
               "7zXZ\0"),
         "an xz file", "unxz", CSEG_CORRUPT},
        {BYTES("\x28\xb5\x2f\xfd\0"), "a zstd file", "unzstd", CSEG_CORRUPT},
        {tar, sizeof tar, "a tar archive", "tar xf", CSEG_UNSUPPORTED},
        {BYTES("\x08\x08\x12\x07pytorch\x1a\x05"
               "2.1.0"),
         "an ONNX program", "made from", CSEG_UNSUPPORTED},
        {BYTES("\x89HDF\r\n\x1a\n"), "an HDF5 file", "made from", CSEG_UNSUPPORTED},
        {BYTES("\x93NUMPY\x01\0"), "a numpy array", "made from", CSEG_UNSUPPORTED},
        {BYTES("\x89PNG\r\n\x1a\n"), "a PNG image", "behind the checkpoint", CSEG_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pth *p;
        cseg_status status = pth_open_bytes(cases[i].bytes, cases[i].n, "got.pth", mem, &p, &err);
        char *says = arena_printf(mem, "got.pth: is no PyTorch checkpoint, but %s", cases[i].what);
        if (status != cases[i].status || !strstr(err.text, says) || !strstr(err.text, cases[i].way))
            fail_msg("%s: %d: %s", cases[i].what, (int)status, err.text);
    }
}

static void other_zip_archives_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *says;
        cseg_status status;
    } cases[] = {
        {"run/best.pth", "it only holds 'run/best.pth'. Unpack it", CSEG_CORRUPT},
        {"arr_0.npy", "entry 'arr_0.npy': is no .npy file", CSEG_CORRUPT},
        {"serialized_exported_program.json", "torch.export", CSEG_UNSUPPORTED},
        {"word/document.xml", "it has no 'word/data.pkl'", CSEG_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pth *p;
        made m = {.file = {.mem = mem}, .dir = {.mem = mem}};
        made_entry(&m, cases[i].entry, "x", 1, 0);
        made_finish(&m);
        cseg_status status = pth_open_bytes(m.file.text, m.file.n, "got.pth", mem, &p, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says))
            fail_msg("%s: %d: %s", cases[i].entry, (int)status, err.text);
    }
}

/* --- where the weights are --- */

static const float ones[] = {1, 2, 3};

/* {KEY: {'w': ones[0]}, OTHER: {'w': ones[1]}, ...}; NULL: the tensor stands in the root. */
static cseg_status open_wrapped(const char *const *keys, int n, pth **out)
{
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b);
    for (int i = 0; i < n; i++) {
        pth_value *tensor = pth_tensor_value(&b, PTH_F32, 0, NULL, &ones[i]), *dict = pth_ordered_dict(&b);
        pth_set(&b, keys[i] ? dict : root, "w", tensor);
        if (keys[i])
            pth_set(&b, root, keys[i], dict);
    }
    pth_set(&b, root, "epoch", pth_int(&b, 300));
    assert_int_equal(pth_write("wrapped.pth", &b, root, &err), CSEG_OK);
    err.text[0] = 0;
    cseg_status status = pth_open("wrapped.pth", mem, out, &err);
    remove("wrapped.pth");
    return status;
}

static void weights_are_found_in_their_wrapping(void **state)
{
    (void)state;
    static const struct {
        const char *keys[3];
        int n, wanted;
    } cases[] = {
        {{NULL}, 1, 0},
        {{"state_dict"}, 1, 0},
        {{"model"}, 1, 0},
        {{"model_state_dict"}, 1, 0},
        {{"optimizer", "model"}, 2, 1},
        {{"model_ema", "model", "optimizer"}, 3, 1},       /* as the reference: no averages unless asked */
        {{"state_dict_ema", "model", "state_dict"}, 3, 2}, /* 'state_dict' comes first */
        {{"model", NULL}, 2, 1},                           /* a state dict with a part of that name */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pth *p;
        float v;
        if (open_wrapped(cases[i].keys, cases[i].n, &p) != CSEG_OK)
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(pth_count(p), 1);
        assert_int_equal(pth_tensor_f32(p, pth_find(p, "w"), &v, &err), CSEG_OK);
        assert_true(v == ones[cases[i].wanted]);
    }
}

static void an_unknown_wrapping_is_named(void **state)
{
    (void)state;
    static const char *const keys[] = {"student", "teacher"};
    pth *p;
    assert_int_equal(open_wrapped(keys, 2, &p), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "but under 'student', 'teacher'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(other_zip_archives_are_named),
        cmocka_unit_test(weights_are_found_in_their_wrapping),
        cmocka_unit_test(an_unknown_wrapping_is_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
