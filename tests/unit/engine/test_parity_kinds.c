/* Agreement with the reference on one small model after another, with all graph passes off and on, and that every kind
 * is part of one: tests/data/engine/parity has NAME.py, and NAME.json as the reference answers it. */
#include <dirent.h>

#include "parity_compare.h"

#include "base/str.h"
#include "engine/verify/parity_session.h"
#include "model/model.h"

#define FOLDER TEST_DATA "/engine/parity"

/* Kinds that no golden can have, why, and the test that stands for them. */
static const struct {
    family family;
    const char *name, *reason, *test;
} without_golden[] = {
    {FAMILY_SEGMENTOR, "EncoderDecoderMultiHead", "the reference has none", "tests/unit/engine/test_models.c"},
    {FAMILY_SEGMENTOR, "ChangeExtraSegmentor", "the reference has none", "tests/unit/engine/test_models.c"},
    {FAMILY_BACKBONE, "ChangeExtraResNet", "the reference has none", "tests/unit/engine/test_models.c"},
    {FAMILY_LOSS, "KLDivLoss",
     "the reference registers it only where its file is imported (encnet_losses_r18c.py does)",
     "tests/unit/engine/test_number_losses.c"},
};
enum { WITHOUT = sizeof without_golden / sizeof *without_golden };

/* Calls fn with the name of each golden that is a model's. */
static int each_golden(void (*fn)(const char *name))
{
    DIR *folder = opendir(FOLDER);
    int n = 0;
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        char name[256];
        snprintf(name, sizeof name, "%s", e->d_name);
        if (!str_ends(name, ".json") || str_ends(name, ".train.json"))
            continue;
        name[strlen(name) - strlen(".json")] = '\0';
        fn(name);
        n++;
    }
    closedir(folder);
    return n;
}

static void compare_as_it_is(const char *name)
{
    print_message("%s\n", name);
    compare_model(name, 0);
}

static void compare_with_passes(const char *name)
{
    print_message("%s\n", name);
    compare_model(name, PASS_ALL);
}

static void goldens_as_they_are(void **state)
{
    (void)state;
    assert_true(each_golden(compare_as_it_is) >= 4);
}

static void goldens_with_passes(void **state)
{
    (void)state;
    assert_true(each_golden(compare_with_passes) >= 4);
}

/* ---- every kind is part of one --------------------------------------------------------------------------------- */

static bool seen[1024]; /* by the kind's place in the registry */

static void see(module *m)
{
    const kind *k;
    for (size_t i = 0; m->kind && (k = kind_at(i)); i++)
        if (k == m->kind)
            seen[i] = true;
}

static void see_kinds_of(const char *name)
{
    char path[1024];
    cseg_error err;
    parity_options options = {0};
    parity_session of = {.options = &options, .mem = arena_new()};
    snprintf(path, sizeof path, "%s/%s.py", FOLDER, name);
    assert_non_null(of.mem);
    if (parity_load_model(&of, path, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    module_each(of.model->root, see);
    model_free(of.model);
    arena_free(of.mem);
}

static int excuse_of(const kind *k)
{
    for (int i = 0; i < WITHOUT; i++)
        if (without_golden[i].family == k->family && strcmp(without_golden[i].name, k->name) == 0)
            return i;
    return -1;
}

/* The test that stands for a kind speaks of it. */
static void check_excuse(int i)
{
    char path[1024], *text = NULL;
    size_t n;
    cseg_error err;
    arena *mem = arena_new();
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, without_golden[i].test);
    if (file_read(path, 0, mem, &text, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    if (!strstr(text, without_golden[i].name))
        fail_msg("%s does not test %s", without_golden[i].test, without_golden[i].name);
    arena_free(mem);
}

static void every_kind_has_a_golden(void **state)
{
    (void)state;
    const kind *k;
    size_t forgotten = 0, excused = 0, kinds = 0;
    each_golden(see_kinds_of);
    for (; (k = kind_at(kinds)); kinds++) {
        assert_true(kinds < sizeof seen);
        int excuse = excuse_of(k);
        /* The list has mmseg's kinds, and those of Open-CD that its own configs name. */
        bool listed = kind_in_reference(k->family, k->name) || kind_prefix(k)[0] || k->scopes == SCOPE_OPENCD;
        bool counts = seen[kinds] && listed;
        if (counts == (excuse >= 0)) {
            print_error("%s%s (%s) %s\n", kind_prefix(k), k->name, family_name(k->family),
                        counts ? "has a golden: it needs no line in without_golden"
                               : "has no golden: add a small config of it to tests/data/engine/parity and the "
                                 "reference's answer (docs/adding-kinds.md), or a line with the reason to "
                                 "without_golden in this file");
            forgotten++;
        }
        if (excuse >= 0) {
            print_message("%s has no golden: %s; %s\n", k->name, without_golden[excuse].reason,
                          without_golden[excuse].test);
            check_excuse(excuse);
            excused++;
        }
    }
    assert_int_equal(forgotten, 0);
    assert_int_equal(excused, WITHOUT); /* each is a kind that there is */
    print_message("%zu kinds, %zu of them without a golden\n", kinds, excused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_golden),
        cmocka_unit_test(goldens_as_they_are),
        cmocka_unit_test(goldens_with_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
