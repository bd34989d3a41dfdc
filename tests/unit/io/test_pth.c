#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cJSON.h>

#include "base/file.h"
#include "base/str.h"
#include "io/torch/pth.h"

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

static char *path_of(const char *name)
{
    return arena_printf(mem, "%s/io/pth/%s", TEST_DATA, name);
}

static pth *open_file(const char *name)
{
    pth *p = NULL;
    if (pth_open(path_of(name), mem, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return p;
}

/* want: [type, shape, values] */
static void check_tensor(pth *p, const char *file, const cJSON *want)
{
    const pth_tensor *t = pth_find(p, want->string);
    const cJSON *type = want->child, *shape = type->next, *values = shape->next;
    if (!t)
        fail_msg("%s: no tensor %s", file, want->string);
    assert_string_equal(pth_type_name(t->type), type->valuestring);
    assert_int_equal(t->ndim, cJSON_GetArraySize(shape));
    for (int i = 0; i < t->ndim; i++)
        assert_int_equal(t->shape[i], cJSON_GetArrayItem(shape, i)->valueint);
    assert_int_equal(t->count, cJSON_GetArraySize(values));
    float *f = ARENA_ARRAY(mem, (size_t)t->count + 1, float);
    double *raw = ARENA_ARRAY(mem, (size_t)t->count + 1, double);
    f[t->count] = 77;
    assert_int_equal(pth_tensor_f32(p, t, f, &err), CSEG_OK);
    assert_int_equal(pth_tensor_raw(p, t, raw, &err), CSEG_OK);
    assert_true(f[t->count] == 77);
    int64_t i = 0;
    for (const cJSON *v = values->child; v; v = v->next, i++) {
        if (f[i] != (float)v->valuedouble)
            fail_msg("%s: %s[%lld] is %g, not %g", file, t->name, (long long)i, (double)f[i], v->valuedouble);
        if (t->type == PTH_F64)
            assert_true(raw[i] == v->valuedouble);
    }
    if (t->type >= PTH_I64) {
        int64_t *n = ARENA_ARRAY(mem, (size_t)t->count + 1, int64_t);
        assert_int_equal(pth_tensor_i64(p, t, n, &err), CSEG_OK);
        i = 0;
        for (const cJSON *v = values->child; v; v = v->next, i++)
            assert_true(n[i] == (int64_t)v->valuedouble);
    } else {
        assert_int_equal(pth_tensor_i64(p, t, (int64_t *)raw, &err), CSEG_SHAPE);
    }
}

static void every_version_gives_the_tensors_that_torch_wrote(void **state)
{
    (void)state;
    char *text;
    size_t n;
    assert_int_equal(file_read(TEST_DATA "/io/pth.json", 0, mem, &text, &n, &err), CSEG_OK);
    cJSON *all = cJSON_Parse(text);
    assert_non_null(all);
    assert_int_equal(cJSON_GetArraySize(all), 20);
    for (const cJSON *file = all->child; file; file = file->next) {
        pth *p = open_file(file->string);
        assert_int_equal(pth_count(p), cJSON_GetArraySize(file));
        for (const cJSON *want = file->child; want; want = want->next)
            check_tensor(p, file->string, want);
    }
    cJSON_Delete(all);
}

static void views_of_one_storage_are_known_as_such(void **state)
{
    (void)state;
    static const char *const names[] = {"zip_views.pth", "old_views.pth"};
    for (int i = 0; i < 2; i++) {
        pth *p = open_file(names[i]);
        assert_int_equal(pth_find(p, "base")->storage, pth_find(p, "t")->storage);
        assert_int_equal(pth_find(p, "base")->storage, pth_find(p, "last")->storage);
        assert_int_not_equal(pth_find(p, "base")->storage, pth_find(p, "perm")->storage);
        assert_int_equal(pth_find(p, "wide")->stride[0], 0);
    }
}

static void mmengine_checkpoints_open_whole(void **state)
{
    (void)state;
    static const char *const names[] = {"mmengine.pth", "mmengine_old.pth"};
    for (int i = 0; i < 2; i++) {
        pth *p = open_file(names[i]);
        const pickle_node *root = pth_root(p), *meta = pickle_get(root, "meta"), *hub = pickle_get(root, "message_hub");
        int64_t v;
        double d;
        assert_true(pickle_int(pickle_get(meta, "iter"), &v) && v == 3);
        assert_true(pickle_int(pickle_get(meta, "seed"), &v) && v == INT64_C(1) << 33);
        assert_true(pickle_number(pickle_get(meta, "big"), &d) && d == 0x1p70);
        assert_string_equal(pickle_str(pickle_get(meta, "name")), "Gr\xc3\xb6\xc3\x9f"
                                                                  "e");
        const pickle_node *info = pickle_get(hub, "runtime_info");
        assert_true(pickle_number(pickle_get(info, "eta"), &d) && d == 12.5);
        assert_true(pickle_int(pickle_get(info, "count"), &v) && v == -4);
        pickle_array a;
        const pickle_node *loss = pickle_get(pickle_get(hub, "log_scalars"), "train/loss");
        assert_int_equal(pickle_as_array(pickle_get(loss->object.state, "_log_history"), "loss", &a, &err), CSEG_OK);
        assert_true(a.count == 3 && pickle_array_get(&a, 1) == 0.5);
        assert_int_equal(pickle_as_array(pickle_get(root, "numbers"), "numbers", &a, &err), CSEG_OK);
        assert_true(a.ndim == 2 && a.shape[1] == 3 && pickle_array_get(&a, 5) == 5 && !a.fortran);
        assert_int_equal(pickle_as_array(pickle_get(root, "order"), "order", &a, &err), CSEG_OK);
        assert_true(a.fortran && pickle_array_get(&a, 1) == 3);
        const pickle_node *adam = pickle_get_int(pickle_get(pickle_get(root, "optimizer"), "state"), 0);
        pth_tensor t;
        float step;
        assert_int_equal(pth_as_tensor(p, pickle_get(adam, "step"), &t, &err), CSEG_OK);
        assert_true(t.ndim == 0 && t.count == 1);
        assert_int_equal(pth_tensor_f32(p, &t, &step, &err), CSEG_OK);
        assert_true(step == 1);
        assert_int_equal(pth_as_tensor(p, pickle_get(adam, "exp_avg"), &t, &err), CSEG_OK);
        assert_true(t.ndim == 4 && t.count == 6);
    }
}

static void what_is_no_state_dict_has_a_clear_message(void **state)
{
    (void)state;
    static const struct {
        const char *file, *says;
        cseg_status status;
    } cases[] = {
        {"refused_system.pth", "posix.system; that is refused", CSEG_UNSUPPORTED},
        {"refused_system_old.pth", "posix.system; that is refused", CSEG_UNSUPPORTED},
        {"refused_eval.pth", "builtins.eval", CSEG_UNSUPPORTED},
        {"refused_eval_old.pth", "builtins.eval", CSEG_UNSUPPORTED},
        {"refused_popen.pth", "use commands.Popen", CSEG_UNSUPPORTED},
        {"refused_popen_old.pth", "use commands.Popen", CSEG_UNSUPPORTED},
        {"refused_getattr.pth", "builtins.getattr", CSEG_UNSUPPORTED},
        {"refused_getattr_old.pth", "builtins.getattr", CSEG_UNSUPPORTED},
        {"refused_unknown.pth", "call json.loads", CSEG_UNSUPPORTED},
        {"refused_unknown_old.pth", "call json.loads", CSEG_UNSUPPORTED},
        {"whole_module.pth", "no state dict", CSEG_CORRUPT},
        {"quantised.pth", "quantised, sparse", CSEG_UNSUPPORTED},
        {"complex.pth", "ComplexFloat", CSEG_UNSUPPORTED},
        {"script.pth", "TorchScript", CSEG_UNSUPPORTED},
        {"../pth.json", "no PyTorch checkpoint", CSEG_CORRUPT},
        {"../pickle/list2.pkl", "plain pickle", CSEG_CORRUPT},
        {"nowhere.pth", "nowhere.pth", CSEG_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pth *p;
        cseg_status status = pth_open(path_of(cases[i].file), mem, &p, &err);
        if (status != cases[i].status || !strstr(err.text, cases[i].says) || !strstr(err.text, cases[i].file))
            fail_msg("%s: %d: %s", cases[i].file, (int)status, err.text);
    }
}

/* Opens and reads everything; whatever the bytes are, this ends with a status. */
static cseg_status read_all(const void *bytes, size_t n)
{
    arena *own = arena_new();
    pth *p;
    cseg_status status = pth_open_bytes(bytes, n, "part.pth", own, &p, &err);
    for (size_t i = 0; status == CSEG_OK && i < pth_count(p); i++) {
        const pth_tensor *t = pth_at(p, i);
        if (t->count > 1000000)
            continue;
        float *f = ARENA_ARRAY(own, (size_t)t->count, float);
        status = pth_tensor_f32(p, t, f, &err);
    }
    arena_free(own);
    return status;
}

static void truncation_is_found_at_every_byte(void **state)
{
    (void)state;
    static const char *const names[] = {"zip_views.pth", "old_views.pth", "old_protocol4.pth"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *bytes;
        size_t n;
        assert_int_equal(file_read(path_of(names[i]), 0, mem, &bytes, &n, &err), CSEG_OK);
        assert_int_equal(read_all(bytes, n), CSEG_OK);
        for (size_t cut = 0; cut < n; cut++) {
            char *part = malloc(cut + 1);
            memcpy(part, bytes, cut);
            part = realloc(part, cut ? cut : 1);
            if (read_all(part, cut) != CSEG_CORRUPT)
                fail_msg("%s cut at byte %zu of %zu: %s", names[i], cut, n, err.text);
            free(part);
        }
    }
}

static void damage_is_found_or_harmless(void **state)
{
    (void)state;
    char **names, *bytes;
    size_t count, n;
    assert_int_equal(dir_list(TEST_DATA "/io/pth", ".pth", false, mem, &names, &count, &err), CSEG_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(file_read(path_of(names[i]), 0, mem, &bytes, &n, &err), CSEG_OK);
        for (size_t at = 0; at < n; at += 3) {
            bytes[at] ^= 0x41;
            read_all(bytes, n);
            bytes[at] ^= 0x41;
        }
    }
}

static void a_changed_bit_in_a_tensor_is_found(void **state)
{
    (void)state;
    char *bytes;
    size_t n;
    assert_int_equal(file_read(path_of("module.pth"), 0, mem, &bytes, &n, &err), CSEG_OK);
    pth *p = open_file("module.pth");
    float weight[6];
    assert_int_equal(pth_tensor_f32(p, pth_find(p, "0.weight"), weight, &err), CSEG_OK);
    char *at = memmem(bytes, n, weight, sizeof weight);
    assert_non_null(at);
    at[5] ^= 1;
    assert_int_equal(read_all(bytes, n), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "tensor '0.weight': part.pth: entry 'module/data/0'"));
    assert_non_null(strstr(err.text, "checksum"));
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    static const char *const names[] = {"mmengine.pth", "old_protocol2.pth"};
    for (int i = 0; i < 2; i++) {
        cseg_status status = CSEG_NO_MEMORY;
        int failures = 0;
        char *path = path_of(names[i]);
        for (long nth = 1; status != CSEG_OK; nth++) {
            arena *own = arena_new();
            pth *p;
            mem_fail_at(nth);
            status = pth_open(path, own, &p, &err);
            mem_fail_at(0);
            failures += status == CSEG_NO_MEMORY;
            assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
            arena_free(own);
        }
        assert_in_range(failures, 1, 100);
    }
}

/* --- writing --- */

static const float weight[] = {1.5f, -2, 3, 0.0625f, INFINITY, 6};
static const int64_t tracked[] = {41};

static pth_value *sample_tree(pth_builder *b)
{
    static const uint8_t counts[] = {250, 251, 252, 253, 254};
    pth_value *root = pth_dict(b), *meta = pth_dict(b), *dict = pth_ordered_dict(b), *list = pth_list(b);
    pth_value *tuple = pth_tuple(b), *states = pth_dict(b);
    pth_set(b, meta, "iter", pth_int(b, 1500));
    pth_set(b, meta, "seed", pth_int(b, INT64_MIN));
    pth_set(b, meta, "lr", pth_float(b, 0.01));
    pth_set(b, meta, "name",
            pth_str(b, "Gr\xc3\xb6\xc3\x9f"
                       "e"));
    pth_set(b, meta, "good", pth_bool(b, true));
    pth_set(b, meta, "none", pth_none(b));
    pth_add(b, list, pth_str(b, "a"));
    pth_add(b, list, pth_list(b));
    pth_add(b, tuple, pth_float(b, -0.5));
    pth_add(b, tuple, pth_int(b, 70000));
    pth_add(b, list, tuple);
    pth_add(b, list, pth_tuple(b));
    pth_set(b, meta, "list", list);
    pth_set(b, root, "meta", meta);
    pth_value *shared = pth_tensor_value(b, PTH_F32, 2, (int64_t[]){2, 3}, weight);
    pth_set(b, dict, "shared", shared);
    pth_set(b, dict, "tracked", pth_tensor_value(b, PTH_I64, 0, NULL, tracked));
    pth_set(b, dict, "made", pth_tensor_value(b, PTH_U8, 1, (int64_t[]){5}, counts));
    pth_set(b, dict, "empty", pth_tensor_value(b, PTH_F32, 2, (int64_t[]){0, 4}, NULL));
    pth_set(b, root, "state_dict", dict);
    pth_set_key(b, states, pth_int(b, 0), pth_dict(b));
    pth_set(b, root, "states", states);
    pth_set(b, root, "again", shared);
    return root;
}

static void check_sample(const char *path)
{
    pth *p;
    float f[6];
    uint8_t u[5];
    int64_t i;
    if (pth_open(path, mem, &p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(pth_count(p), 4);
    assert_string_equal(pth_at(p, 0)->name, "shared");
    assert_int_equal(pth_tensor_f32(p, pth_find(p, "shared"), f, &err), CSEG_OK);
    assert_memory_equal(f, weight, sizeof f);
    assert_int_equal(pth_tensor_i64(p, pth_find(p, "tracked"), &i, &err), CSEG_OK);
    assert_int_equal(i, 41);
    assert_int_equal(pth_tensor_raw(p, pth_find(p, "made"), u, &err), CSEG_OK);
    assert_memory_equal(u, "\372\373\374\375\376", 5);
    pth_tensor again;
    assert_int_equal(pth_as_tensor(p, pickle_get(pth_root(p), "again"), &again, &err), CSEG_OK);
    assert_int_equal(again.storage, pth_find(p, "shared")->storage);
    const pickle_node *list = pickle_get(pickle_get(pth_root(p), "meta"), "list");
    assert_int_equal(pickle_len(list), 4);
    assert_int_equal(pickle_len(pickle_item(list, 2)), 2);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    pth_builder b = {.mem = mem};
    pth_value *root = sample_tree(&b);
    for (int i = 0; i < 2; i++) /* a tree can be written twice */
        assert_int_equal(pth_write("w.pth", &b, root, &err), CSEG_OK);
    check_sample("w.pth");
    remove("w.pth");
}

static void a_tree_that_holds_itself_is_refused(void **state)
{
    (void)state;
    pth_builder b = {.mem = mem};
    pth_value *list = pth_list(&b);
    pth_add(&b, list, list);
    assert_int_equal(pth_write("loop.pth", &b, list, &err), CSEG_USAGE);
    assert_false(file_exists("loop.pth"));
}

static const char *find_python(void)
{
    const char *python = getenv("CSEG_PYTHON");
    char command[600];
    python = python ? python : "python3";
    snprintf(command, sizeof command, "%s -c 'import torch' 2>/dev/null", python);
    return system(command) == 0 ? python : NULL;
}

static void torch_loads_what_is_written(void **state)
{
    (void)state;
    static const char want[] =
        " dict\n 'meta'\n  dict\n  'iter'\n   1500\n  'seed'\n   -9223372036854775808\n  'lr'\n   0.01\n"
        "  'name'\n   'Gr\xc3\xb6\xc3\x9f"
        "e'\n  'good'\n   True\n  'none'\n   None\n  'list'\n   list\n"
        "    'a'\n    list\n    tuple\n     -0.5\n     70000\n    tuple\n 'state_dict'\n  OrderedDict\n"
        "  'shared'\n   torch.float32 (2, 3) [1.5, -2.0, 3.0, 0.0625, inf, 6.0] 0\n"
        "  'tracked'\n   torch.int64 () [41] 0\n  'made'\n   torch.uint8 (5,) [250, 251, 252, 253, 254] 0\n"
        "  'empty'\n   torch.float32 (0, 4) [] 0\n 'states'\n  dict\n  0\n   dict\n 'again'\n"
        "  torch.float32 (2, 3) [1.5, -2.0, 3.0, 0.0625, inf, 6.0] 0\nshared True\n";
    const char *python = find_python();
    if (!python) {
        print_message("skipped: torch_loads_what_is_written, no python with torch ($CSEG_PYTHON)\n");
        skip();
    }
    pth_builder b = {.mem = mem};
    assert_int_equal(pth_write("w.pth", &b, sample_tree(&b), &err), CSEG_OK);
    char got[4096];
    char *command = arena_printf(mem, "PYTHONIOENCODING=utf-8 %s %s/io/check_pth.py w.pth 2>&1", python, TEST_DATA);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    got[fread(got, 1, sizeof got - 1, f)] = 0;
    pclose(f);
    assert_string_equal(got, want);
    remove("w.pth");
}

static void a_full_disk_leaves_the_old_checkpoint(void **state)
{
    (void)state;
    char *bytes, *large = mem_alloc(1 << 20);
    size_t n;
    struct rlimit old, small;
    pth_builder b = {.mem = mem};
    pth_value *root = pth_dict(&b);
    pth_set(&b, root, "w", pth_tensor_value(&b, PTH_U8, 1, (int64_t[]){1 << 20}, large));
    assert_int_equal(file_replace_bytes("full.pth", "old", 3, mem, &err), CSEG_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    cseg_status status = pth_write("full.pth", &b, root, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, CSEG_IO);
    assert_int_equal(file_read("full.pth", 0, mem, &bytes, &n, &err), CSEG_OK);
    assert_string_equal(bytes, "old");
    char **left;
    assert_int_equal(dir_list(".", ".tmp", false, mem, &left, &n, &err), CSEG_OK);
    assert_int_equal(n, 0);
    remove("full.pth");
    mem_free(large);
}

static void writing_reports_every_failing_allocation(void **state)
{
    (void)state;
    cseg_status status = CSEG_NO_MEMORY;
    for (long nth = 1; status != CSEG_OK; nth++) {
        arena *own = arena_new();
        pth_builder b = {.mem = own};
        mem_fail_at(nth);
        status = pth_write("nth.pth", &b, sample_tree(&b), &err);
        mem_fail_at(0);
        assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
        assert_int_equal(file_exists("nth.pth"), status == CSEG_OK);
        arena_free(own);
    }
    remove("nth.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_gives_the_tensors_that_torch_wrote),
        cmocka_unit_test(views_of_one_storage_are_known_as_such),
        cmocka_unit_test(mmengine_checkpoints_open_whole),
        cmocka_unit_test(what_is_no_state_dict_has_a_clear_message),
        cmocka_unit_test(truncation_is_found_at_every_byte),
        cmocka_unit_test(damage_is_found_or_harmless),
        cmocka_unit_test(a_changed_bit_in_a_tensor_is_found),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_tree_that_holds_itself_is_refused),
        cmocka_unit_test(torch_loads_what_is_written),
        cmocka_unit_test(a_full_disk_leaves_the_old_checkpoint),
        cmocka_unit_test(writing_reports_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
