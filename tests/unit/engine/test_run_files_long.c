/* Lists in a checkpoint that are as long as a file can be: they cost what their length costs, not its square. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "engine/train/checkpoint/run_files.h"

#include <cmocka.h> /* last: it has a macro called fail */

enum { MANY = 300000 };

static void write(const char *path, pth_builder *b, pth_value *root)
{
    cseg_error err;
    if (pth_write(path, b, root, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static void load(const char *path, run_files *f, arena *mem)
{
    cseg_error err;
    pth *p;
    if (pth_open(path, mem, &p, &err) != CSEG_OK || run_files_load(f, pth_root(p), path, ".", mem, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

/* Each number twice, in mmengine's list. Their square would be 10^11 comparisons. */
static void numbers_of_many_files(void **state)
{
    (void)state;
    run_files f = {.n_best = 0};
    pth_builder b = {.mem = arena_new()};
    pth_value *root = pth_dict(&b), *hub = pth_dict(&b), *info = pth_dict(&b), *ids = pth_list(&b);
    for (int i = 0; i < 2 * MANY; i++)
        pth_add(&b, ids, pth_int(&b, i % MANY));
    pth_set(&b, info, "keep_ckpt_ids", ids);
    pth_set(&b, hub, "runtime_info", info);
    pth_set(&b, root, "message_hub", hub);
    write("iter_1.pth", &b, root);
    load("iter_1.pth", &f, b.mem);
    assert_int_equal(f.kept.n, MANY);
    assert_string_equal(f.kept.at[0], "iter_0.pth");
    assert_string_equal(f.kept.at[MANY - 1], "iter_299999.pth");
    arena_free(b.mem);
}

/* Our own list of names, oldest first. */
static void names_of_many_files(void **state)
{
    (void)state;
    run_files f = {.n_best = 0};
    pth_builder b = {.mem = arena_new()};
    pth_value *root = pth_dict(&b), *own = pth_dict(&b), *kept = pth_list(&b);
    for (int i = MANY; i > 0; i--)
        pth_add(&b, kept, pth_str(&b, arena_printf(b.mem, "%s_%d.pth", i % 2 ? "iter" : "epoch", i / 2)));
    pth_set(&b, own, "kept", kept);
    pth_set(&b, root, "cseg", own);
    write("iter_1.pth", &b, root);
    load("iter_1.pth", &f, b.mem);
    assert_int_equal(f.kept.n, MANY);
    assert_string_equal(f.kept.at[0], "epoch_150000.pth");
    assert_string_equal(f.kept.at[MANY - 1], "iter_0.pth");
    arena_free(b.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_many_files),
        cmocka_unit_test(names_of_many_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
