/* Checkpoints that lie: what they may cost, and what they must not give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "io/archive/zip.h"
#include "io/torch/pth.h"
#include "made.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem; /* of what is made */
static arena *own; /* of what is read: its size is what reading takes */
static pth *file;

static int begin(void **state)
{
    (void)state;
    mem = arena_new();
    own = arena_new();
    return mem && own ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    arena_free(mem);
    arena_free(own);
    return 0;
}

static cseg_status open_bytes(const strbuf *b)
{
    assert_false(b->failed);
    err.text[0] = 0;
    return pth_open_bytes(b->text, b->n, "made.pth", own, &file, &err);
}

static void refused(const strbuf *b, const char *says)
{
    cseg_status status = open_bytes(b);
    if (status != CSEG_CORRUPT || !strstr(err.text, says) || !strstr(err.text, "made.pth"))
        fail_msg("%s: %d: %s", says, (int)status, err.text);
}

static made archive(void)
{
    return (made){.file = {.mem = mem}, .dir = {.mem = mem}};
}

/* An archive with this state dict; the storages are to follow. */
static made with_dict(const char *const *names, const made_view *views, int n, int how)
{
    made m = archive();
    pickle_writer w;
    made_dict(&w, mem, names, views, n, false);
    made_entry(&m, "a/data.pkl", w.out.text, w.out.n, how);
    return m;
}

static const char *const one_name[] = {"weight"};

/* --- sizes --- */

static void a_storage_is_unpacked_for_tensors_that_need_it(void **state)
{
    (void)state;
    enum { HELD = 16 << 20 };
    float *zeros = arena_alloc(mem, HELD * sizeof *zeros), first = 7;
    zeros[5] = 1.25f;
    made_view small = {"0", HELD, 5, 1, {1}, {1}}, whole = {"0", HELD, 0, 1, {HELD}, {1}};
    made m = with_dict(one_name, &small, 1, MADE_PACKED);
    made_entry(&m, "a/data/0", zeros, HELD * sizeof *zeros, MADE_PACKED);
    made_finish(&m);
    assert_in_range(m.file.n, 1000, 100000);
    assert_int_equal(open_bytes(&m.file), CSEG_OK);
    assert_int_equal(pth_tensor_f32(file, pth_at(file, 0), &first, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "tensor 'weight': made.pth: entry 'a/data/0' would unpack"));
    assert_in_range(arena_bytes(own), 1, 1 << 20);
    /* The same bytes where a tensor needs them all. */
    m = with_dict(one_name, &whole, 1, MADE_PACKED);
    made_entry(&m, "a/data/0", zeros, HELD * sizeof *zeros, MADE_PACKED);
    made_finish(&m);
    assert_int_equal(open_bytes(&m.file), CSEG_OK);
    float *got = arena_alloc(mem, HELD * sizeof *got);
    assert_int_equal(pth_tensor_f32(file, pth_at(file, 0), got, &err), CSEG_OK);
    assert_memory_equal(got, zeros, HELD * sizeof *got);
}

static void many_small_bombs_are_one_large(void **state)
{
    (void)state;
    enum { HELD = 1 << 20, N = 20 };
    const char *names[N];
    made_view views[N];
    void *zeros = arena_alloc(mem, HELD * sizeof(float));
    for (int i = 0; i < N; i++) {
        names[i] = arena_printf(mem, "w%d", i);
        views[i] = (made_view){arena_printf(mem, "%d", i), HELD, 0, 1, {1}, {1}};
    }
    made m = with_dict(names, views, N, 0);
    for (int i = 0; i < N; i++)
        made_entry(&m, arena_printf(mem, "a/data/%d", i), zeros, HELD * sizeof(float), MADE_PACKED);
    made_finish(&m);
    assert_int_equal(open_bytes(&m.file), CSEG_OK);
    int good = 0;
    float v;
    while (good < N && pth_tensor_f32(file, pth_at(file, (size_t)good), &v, &err) == CSEG_OK)
        good++;
    assert_int_equal(good, 4); /* of 4 MiB each */
    assert_in_range(arena_bytes(own), 16 << 20, 20 << 20);
}

static void a_pickle_is_not_unpacked_to_any_size(void **state)
{
    (void)state;
    enum { N = 40 << 20 };
    char *blanks = arena_alloc(mem, N);
    memset(blanks, '(', N);
    made m = archive();
    made_entry(&m, "a/data.pkl", blanks, N, MADE_PACKED);
    made_finish(&m);
    refused(&m.file, "entry 'a/data.pkl' would unpack");
    assert_in_range(arena_bytes(own), 1, 1 << 20);
}

static void a_pickle_holds_not_any_number_of_objects(void **state)
{
    (void)state;
    enum { N = 10 * 1000 * 1000 };
    char *nothing = arena_alloc(mem, N);
    for (int i = 0; i < N; i += 2)
        memcpy(nothing + i, "N0", 2); /* push None, pop it */
    made m = archive();
    made_entry(&m, "a/data.pkl", nothing, N, 0);
    made_finish(&m);
    refused(&m.file, "more than 4000000 objects");
    assert_in_range(arena_bytes(own), 1, 600 << 20);
}

/* A set made from a list is a copy as soon as one is added: of a long list, again and again. */
static void a_pickle_copies_no_more_than_it_holds(void **state)
{
    (void)state;
    strbuf b = {.mem = mem};
    strbuf_addn(&b, "\x80\x04](", 4);
    for (int i = 0; i < 100000; i++)
        strbuf_add(&b, "N");
    strbuf_addn(&b,
                "eq\x01"
                "0",
                4);
    for (int i = 0; i < 1000; i++)
        strbuf_addn(&b,
                    "cbuiltins\nset\nh\x01\x85R(N\x90"
                    "0",
                    22);
    strbuf_add(&b, "}.");
    const pickle_node *root;
    assert_int_equal(pickle_read(b.text, b.n, "sets", own, &root, NULL, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "copies more than it holds"));
    assert_in_range(arena_bytes(own), 1, 30 << 20);
}

/* A search that goes through all names for each would take minutes here. */
static void names_are_found_in_any_order(void **state)
{
    (void)state;
    enum { N = 20000 };
    const char **names = ARENA_ARRAY(mem, N, const char *);
    made_view *views = ARENA_ARRAY(mem, N, made_view);
    for (int i = 0; i < N; i++) {
        names[i] = arena_printf(mem, "w%d", i);
        views[i] = (made_view){arena_printf(mem, "%d", N - 1 - i), 1, 0, 0, {0}, {0}};
    }
    made m = with_dict(names, views, N, 0);
    for (int i = 0; i < N; i++) {
        float v = (float)i;
        made_entry(&m, arena_printf(mem, "a/data/%d", i), &v, sizeof v, 0);
    }
    made_finish(&m);
    assert_int_equal(open_bytes(&m.file), CSEG_OK);
    assert_int_equal(pth_count(file), N);
    for (int i = 0; i < N; i += 999) {
        float v;
        assert_int_equal(pth_tensor_f32(file, pth_find(file, names[i]), &v, &err), CSEG_OK);
        assert_true(v == (float)(N - 1 - i));
    }
    assert_null(pth_find(file, "w20000"));
}

/* --- entries --- */

static const float four[] = {1, -2, 3, 4};
static const made_view whole_four = {"0", 4, 0, 1, {4}, {1}};

static void entries_of_other_writers_are_read(void **state)
{
    (void)state;
    static const int ways[] = {0,
                               MADE_PACKED,
                               MADE_DESCRIPTOR,
                               MADE_ZIP64,
                               MADE_PACKED | MADE_DESCRIPTOR,
                               MADE_PACKED | MADE_ZIP64,
                               MADE_PACKED | MADE_DESCRIPTOR | MADE_ZIP64};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        made m = with_dict(one_name, &whole_four, 1, ways[i]);
        made_entry(&m, "a/data/0", four, sizeof four, ways[i]);
        made_finish(&m);
        float got[4];
        if (open_bytes(&m.file) != CSEG_OK || pth_tensor_f32(file, pth_at(file, 0), got, &err) != CSEG_OK)
            fail_msg("%d: %s", ways[i], err.text);
        assert_memory_equal(got, four, sizeof got);
    }
}

static void entries_that_share_bytes_are_refused(void **state)
{
    (void)state;
    uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const void *)four, sizeof four);
    /* Two names for one header. */
    made m = with_dict(one_name, &whole_four, 1, 0);
    size_t local = made_data(&m, "a/data/0", 8, crc, four, sizeof four, sizeof four, 0);
    made_listed(&m, "a/data/0", 8, crc, sizeof four, sizeof four, local, 0);
    made_listed(&m, "a/data/0", 8, crc, sizeof four, sizeof four, local, 0);
    made_finish(&m);
    refused(&m.file, "entries overlap");
    /* An entry within another's data. */
    made inner = archive();
    made_data(&inner, "a/data/1", 8, crc, four, sizeof four, sizeof four, 0);
    m = with_dict(one_name, &whole_four, 1, 0);
    local = made_data(&m, "a/data/0", 8, 0, inner.file.text, inner.file.n, inner.file.n, 0);
    made_listed(&m, "a/data/0", 8, 0, inner.file.n, inner.file.n, local, 0);
    made_listed(&m, "a/data/1", 8, crc, sizeof four, sizeof four, local + 38, 0);
    made_finish(&m);
    refused(&m.file, "entries overlap");
    /* The last one runs into the directory. */
    m = with_dict(one_name, &whole_four, 1, 0);
    local = made_data(&m, "a/data/0", 8, 0, four, sizeof four, sizeof four + 8, 0);
    made_listed(&m, "a/data/0", 8, 0, sizeof four + 8, sizeof four + 8, local, 0);
    made_finish(&m);
    refused(&m.file, "entries overlap");
}

static void names_say_one_thing(void **state)
{
    (void)state;
    uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const void *)four, sizeof four);
    made m = with_dict(one_name, &whole_four, 1, 0);
    made_entry(&m, "a/data/0", four, sizeof four, 0);
    made_entry(&m, "a/data/0", four, sizeof four, 0);
    made_finish(&m);
    refused(&m.file, "two entries have one name");
    m = with_dict(one_name, &whole_four, 1, 0);
    size_t local = made_data(&m, "a/data/1", 8, crc, four, sizeof four, sizeof four, 0);
    made_listed(&m, "a/data/0", 8, crc, sizeof four, sizeof four, local, 0);
    made_finish(&m);
    refused(&m.file, "another thing than the directory");
    m = with_dict(one_name, &whole_four, 1, 0);
    local = made_data(&m, "a/data/0\0x", 10, crc, four, sizeof four, sizeof four, 0);
    made_listed(&m, "a/data/0\0x", 10, crc, sizeof four, sizeof four, local, 0);
    made_finish(&m);
    refused(&m.file, "another thing than the directory");
}

/* Nothing is ever written under a name from an archive. */
static void a_path_is_but_a_name(void **state)
{
    (void)state;
    static const made_view up = {"../../escaped", 4, 0, 1, {4}, {1}};
    made m = with_dict(one_name, &up, 1, 0);
    made_entry(&m, "a/data/../../escaped", four, sizeof four, 0);
    made_finish(&m);
    float got[4];
    assert_int_equal(open_bytes(&m.file), CSEG_OK);
    assert_int_equal(pth_tensor_f32(file, pth_at(file, 0), got, &err), CSEG_OK);
    assert_memory_equal(got, four, sizeof got);
    assert_false(file_exists("escaped") || file_exists("../escaped") || file_exists("../../escaped"));
}

/* --- views --- */

static const made_view outside[] = {
    {"0", 4, 1, 1, {4}, {1}},
    {"0", 4, -1, 1, {2}, {1}},
    {"0", 4, 3, 1, {2}, {-1}},
    {"0", 4, 0, 1, {-4}, {1}},
    {"0", 4, 0, 2, {2, 2}, {4, 1}},
    {"0", 4, 0, 2, {INT64_C(1) << 32, INT64_C(1) << 32}, {0, 0}},
    {"0", 4, 0, 1, {INT64_C(1) << 61}, {0}},
    {"0", 4, INT64_MAX, 1, {2}, {1}},
    {"0", 4, 0, 2, {3, 3}, {INT64_MAX / 2, INT64_MAX / 2}},
};

static strbuf legacy_file(const char *const *names, const made_view *views, int n, uint64_t count)
{
    static const char head[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    pickle_writer w;
    strbuf b = {.mem = mem};
    made_dict(&w, mem, names, views, n, true);
    strbuf_addn(&b, head, sizeof head - 1);
    strbuf_addn(&b, w.out.text, w.out.n);
    strbuf_addn(&b,
                "\x80\x02]X\x01\0\0\0"
                "0a.",
                11);
    made_put(&b, count, 8);
    strbuf_addn(&b, (const char *)four, sizeof four);
    return b;
}

static void views_stay_within_their_storage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        made m = with_dict(one_name, &outside[i], 1, 0);
        made_entry(&m, "a/data/0", four, sizeof four, 0);
        made_finish(&m);
        refused(&m.file, "outside of its storage");
        strbuf old = legacy_file(one_name, &outside[i], 1, 4);
        refused(&old, "outside of its storage");
    }
    strbuf old = legacy_file(one_name, &whole_four, 1, 4);
    float got[4];
    if (open_bytes(&old) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(pth_tensor_f32(file, pth_at(file, 0), got, &err), CSEG_OK);
    assert_memory_equal(got, four, sizeof got);
}

static void storages_are_as_long_as_they_say(void **state)
{
    (void)state;
    static const made_view longer = {"0", 5, 0, 1, {4}, {1}};
    static const uint64_t counts[] = {5, UINT64_MAX, UINT64_MAX / 4 + 2};
    made m = with_dict(one_name, &longer, 1, 0);
    made_entry(&m, "a/data/0", four, sizeof four, 0);
    made_finish(&m);
    refused(&m.file, "entry 'a/data/0' has 16 bytes, not 5 elements");
    for (size_t i = 0; i < 3; i++) {
        strbuf old = legacy_file(one_name, &whole_four, 1, counts[i]);
        refused(&old, "ends too early: storage '0'");
    }
    strbuf old = legacy_file(one_name, &whole_four, 1, 3);
    refused(&old, "outside of its storage");
}

/* torch.zeros(1).expand(1 << 40) is a right thing to read: it costs nothing until somebody asks for its elements. */
static void an_expanded_tensor_costs_nothing(void **state)
{
    (void)state;
    static const made_view wide = {"0", 4, 0, 1, {INT64_C(1) << 40}, {0}};
    made m = with_dict(one_name, &wide, 1, 0);
    made_entry(&m, "a/data/0", four, sizeof four, 0);
    made_finish(&m);
    assert_int_equal(open_bytes(&m.file), CSEG_OK);
    assert_true(pth_at(file, 0)->count == INT64_C(1) << 40);
    assert_in_range(arena_bytes(own), 1, 1 << 20);
}

static void of_equal_names_the_last_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "a", "b", "c", "b"};
    made_view views[5];
    for (int i = 0; i < 5; i++)
        views[i] = (made_view){"0", 4, i % 4, 0, {0}, {0}};
    views[4].offset = 3;
    made m = with_dict(names, views, 5, 0);
    made_entry(&m, "a/data/0", four, sizeof four, 0);
    made_finish(&m);
    float v;
    assert_int_equal(open_bytes(&m.file), CSEG_OK);
    assert_int_equal(pth_count(file), 3);
    assert_string_equal(pth_at(file, 0)->name, "a");
    assert_string_equal(pth_at(file, 2)->name, "b");
    assert_int_equal(pth_tensor_f32(file, pth_find(file, "b"), &v, &err), CSEG_OK);
    assert_true(v == 4);
}

/* Deep nesting is a loop to whoever walks it by recursion. */
static void depth_is_no_danger(void **state)
{
    (void)state;
    strbuf b = {.mem = mem};
    strbuf_addn(&b, "\x80\x02", 2);
    for (int i = 0; i < 1000000; i++)
        strbuf_add(&b, "]");
    for (int i = 0; i < 999999; i++)
        strbuf_add(&b, "a");
    strbuf_add(&b, ".");
    made m = archive();
    made_entry(&m, "a/data.pkl", b.text, b.n, 0);
    made_finish(&m);
    refused(&m.file, "holds a list, no state dict");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_storage_is_unpacked_for_tensors_that_need_it, begin, end),
        cmocka_unit_test_setup_teardown(many_small_bombs_are_one_large, begin, end),
        cmocka_unit_test_setup_teardown(a_pickle_is_not_unpacked_to_any_size, begin, end),
        cmocka_unit_test_setup_teardown(a_pickle_holds_not_any_number_of_objects, begin, end),
        cmocka_unit_test_setup_teardown(a_pickle_copies_no_more_than_it_holds, begin, end),
        cmocka_unit_test_setup_teardown(names_are_found_in_any_order, begin, end),
        cmocka_unit_test_setup_teardown(entries_of_other_writers_are_read, begin, end),
        cmocka_unit_test_setup_teardown(entries_that_share_bytes_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(names_say_one_thing, begin, end),
        cmocka_unit_test_setup_teardown(a_path_is_but_a_name, begin, end),
        cmocka_unit_test_setup_teardown(views_stay_within_their_storage, begin, end),
        cmocka_unit_test_setup_teardown(storages_are_as_long_as_they_say, begin, end),
        cmocka_unit_test_setup_teardown(an_expanded_tensor_costs_nothing, begin, end),
        cmocka_unit_test_setup_teardown(of_equal_names_the_last_counts, begin, end),
        cmocka_unit_test_setup_teardown(depth_is_no_danger, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
