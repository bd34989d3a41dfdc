/* Configs that want too much, and memory that runs out. */
#include "config_test.h"

#include <time.h>

static void greedy_configs_fail_cleanly(void **state)
{
    static const struct {
        const char *text;
        cseg_status code;
        const char *message;
    } cases[] = {
        {"x = 'a' * 10**9", CSEG_CONFIG, "test.py:1:9: this takes more than the 192 MiB"},
        {"x = 10**10**10", CSEG_UNSUPPORTED, "integers beyond 64 bits"},
        {"x = range(10**12)", CSEG_CONFIG, "this takes more than the 192 MiB"},
        {"x = range(-9223372036854775807, 9223372036854775807)", CSEG_CONFIG, "MiB"},
        {"x = [0] * 10**10", CSEG_CONFIG, "MiB"},
        {"x = [[]] * 9223372036854775807", CSEG_CONFIG, "MiB"},
        {"x = '%1000000000d' % 1", CSEG_CONFIG, "a width above 10000"},
        {"x = f'{1:99999999}'", CSEG_CONFIG, "a width above 10000"},
        {"x = '{:.999}'.format(1.5)", CSEG_CONFIG, "a precision above 350"},
        {"x = 'a'.zfill(10**9)", CSEG_CONFIG, "a width above 10000"},
        {"while True: pass", CSEG_CONFIG, "this config takes more than 4000000 steps to evaluate"},
        {"x = [1]\nfor i in x: x.append(i)\nwhile 1: x += x", CSEG_CONFIG, "more than"},
        {"x = 'a'\nwhile 1: x += x", CSEG_CONFIG, "MiB"},
        {"x = 'a,'\nfor i in range(20): x = x.replace('a', 'aaaaaaaaaa')", CSEG_CONFIG, "more than"},
        {"x = [y for a in range(3000) for y in range(3000)]", CSEG_CONFIG, "more than"},
        {"a = []\na.append(a)", CSEG_CONFIG, "too deep"},
        {"a = {}\na['a'] = a\nx = str(a)", CSEG_CONFIG, "too"},
        {"a = []\na.append(a)\nb = []\nb.append(b)\nx = a == b", CSEG_CONFIG, "more than"},
        {"import copy\na = []\na.append(a)\nx = copy.deepcopy(a)", CSEG_CONFIG, "too large or too deep"},
        {"a = [1]\nfor i in range(60): a = [a, a]", CSEG_CONFIG, "too"},
        {"a = [1]\nb = [1]\nfor i in range(60):\n  a = [a, a]\n  b = [b, b]\nx = a == b", CSEG_CONFIG, "more than"},
        {"a = 0\nfor i in range(300): a = [a]", CSEG_CONFIG, "nested too deeply"},
        {"a = {i for i in range(100000)}", CSEG_CONFIG, "more than"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arena *mem = arena_new();
        assert_non_null(mem);
        assert_fails(mem, cases[i].text, cases[i].code, cases[i].message);
        arena_free(mem);
    }
    (void)state;
}

/* `n` times `open`, `middle`, n times `close`. */
static char *nested(arena *mem, const char *head, const char *open, const char *middle, const char *close, int n)
{
    strbuf text = {.mem = mem};
    strbuf_add(&text, head);
    for (int i = 0; i < n; i++)
        strbuf_add(&text, open);
    strbuf_add(&text, middle);
    for (int i = 0; i < n; i++)
        strbuf_add(&text, close);
    strbuf_add(&text, "\n");
    return text.text;
}

static void deep_texts_fail_cleanly(void **state)
{
    static const char *const shapes[][3] = {
        {"(", "1", ")"},
        {"[", "1", "]"},
        {"{1: ", "1", "}"},
        {"-", "1", ""},
        {"not ", "1", ""},
        {"2**", "1", ""},
        {"f(", "1", ")"},
        {"x[", "1", "]"},
        {"[*", "[]", "]"},
        {"1 if 1 else ", "1", ""},
        {"dict(a=", "1", ")"},
        {"(y := ", "1", ")"},
        {"[i for i in ", "[]", "]"},
        {"{**", "{}", "}"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        cseg_error err = {0};
        value *cfg;
        char *text = nested(*state, "x = ", shapes[i][0], shapes[i][1], shapes[i][2], 5000);
        assert_int_equal(config_parse_text(text, "deep.py", *state, &cfg, &err), CSEG_CONFIG);
        if (!strstr(err.text, "too deeply"))
            fail_msg("%s", err.text);
    }
    /* Chains nest in the tree, though not in the text. */
    assert_fails(*state, nested(*state, "x = 1", " + 1", "", "", 5000), CSEG_CONFIG, "levels deep");
    assert_fails(*state, nested(*state, "x = 'a'", ".strip()", "", "", 5000), CSEG_CONFIG, "levels deep");
    assert_fails(*state, nested(*state, "", "if 1: ", "x = 1", "", 5000), CSEG_CONFIG, "nested too deeply");
    assert_config(*state, nested(*state, "x = 1", " + 1", "", "", 150), "{'x': 151}");
    strbuf blocks = {.mem = *state};
    for (int i = 0; i < 150; i++)
        strbuf_addf(&blocks, "%*sif 1:\n", i, "");
    strbuf_addf(&blocks, "%*sx = 1\n", 150, "");
    assert_fails(*state, blocks.text, CSEG_CONFIG, "too many levels of indentation");
    assert_fails(*state, nested(*state, "x = f'{1:{1:", "{1:", "", "}", 50), CSEG_CONFIG, "");
}

static void large_files_are_refused(void **state)
{
    size_t n = 5 * 1024 * 1024;
    char *text = arena_alloc(*state, n + 1);
    memset(text, '#', n);
    assert_fails(*state, text, CSEG_CONFIG, "is larger than the 1 MiB");
}

static void repeat(strbuf *text, const char *part, size_t size)
{
    while (text->n + strlen(part) < size)
        strbuf_add(text, part);
}

typedef struct hostile {
    const char *name, *head, *part, *tail;
} hostile;

/* The processor's seconds for one of `size` bytes. */
static double seconds_of(const hostile *h, size_t size)
{
    arena *mem = arena_new();
    strbuf text = {.mem = mem};
    cseg_error err;
    value *cfg;
    struct timespec from, to;
    assert_non_null(mem);
    strbuf_add(&text, h->head);
    repeat(&text, h->part, size);
    strbuf_add(&text, h->tail);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    (void)config_parse_text(text.text, h->name, mem, &cfg, &err);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    arena_free(mem);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
}

/* With strict_string_checks the address sanitizer reads each string to its end whenever a function looks at its first
 * letters: time is quadratic by that alone. There the texts are small, and only go through. */
#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Texts of the largest size that would take quadratic time if anything were looked for from the start each time: of
 * four times the size, they would take sixteen times as long. How long that is, is the machine's (and a sanitizer's)
 * affair. */
static void hostile_texts_take_time_as_they_are_long(void **state)
{
    static const hostile cases[] = {
        {"t.py", "x = (", "1,", ")"},         {"t.py", "x = [", "a ,", "]"},
        {"t.py", "x = f'", "{1}", "'"},       {"t.py", "x = dict(", "a=1,", ")"},
        {"t.py", "x = '", "{{$A:", "'"},      {"t.py", "x = '", "{{ _base_. ", "'"},
        {"t.py", "", "\xC3\xBC=1;", ""},      {"t.py", "x = '%' % ", "1 + ", "1"},
        {"t.py", "x = {", "1:[", "}"},        {"t.py", "x = '", "\\x41", "' in 'b'"},
        {"t.json", "[", "{\"a\":1},", "1]"},  {"t.py", "x = 1 #", "#", ""},
        {"t.py", "x = {", "'a':1,", "}"},     {"t.py", "if 1:\n", " \t \n", " x = 1"},
        {"t.py", "x = '", "{", "'.format()"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double quarter = seconds_of(&cases[i], SANITIZED ? 25000 : 250000);
        if (SANITIZED)
            continue;
        double whole = seconds_of(&cases[i], 1000000);
        if (whole > 1 && whole > 10 * quarter)
            fail_msg("%s%s... takes %.1f s, a quarter of it %.1f s", cases[i].head, cases[i].part, whole, quarter);
    }
    /* A million different keys. */
    strbuf keys = {.mem = *state};
    cseg_error err;
    value *cfg;
    strbuf_add(&keys, "{\"a\": 1");
    for (int i = 0; keys.n < 1000000; i++)
        strbuf_addf(&keys, ", \"%d\": 1", i);
    strbuf_add(&keys, "}");
    assert_int_equal(config_parse_text(keys.text, "t.json", *state, &cfg, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "too many keys"));
}

static void many_bases_are_refused(void **state)
{
    char *dir = new_folder(*state);
    for (int i = 0; i < 40; i++)
        write_file(*state, dir, arena_printf(*state, "c%d.py", i), arena_printf(*state, "_base_ = 'c%d.py'\n", i + 1));
    assert_load_fails(*state, arena_printf(*state, "%s/c0.py", dir), "more than 30 bases one upon the other");
    /* Each file reads two, without a key that could clash: 2^20 reads. */
    for (int i = 0; i < 20; i++)
        write_file(*state, dir, arena_printf(*state, "d%d.py", i),
                   arena_printf(*state, "_base_ = ['d%d.py', './d%d.py']\n", i + 1, i + 1));
    write_file(*state, dir, "d20.py", "");
    assert_load_fails(*state, arena_printf(*state, "%s/d0.py", dir), "more than 500 bases in all");
}

/* With every allocation failing in turn: an error each time, and nothing lost (the sanitizers look). */
static void memory_runs_out_everywhere(void **state)
{
    char *dir = new_folder(*state);
    write_file(*state, dir, "b.py",
               "model = dict(type='A', head=[dict(n=1)], s='{{ fileBasename }}')\ncrop = (4, 4)\n");
    write_file(*state, dir, "lazy.py", "from mmseg.models import X\nmodel = dict(type=X)\n");
    const char *files[] = {
        write_file(
            *state, dir, "c.py",
            "import os.path as osp\n_base_ = ['b.py']\nmodel = dict(head=[dict(k={{_base_.crop}})], _delete_=False)\n"
            "n = sum(i for i in range(9) if i % 2)\nt = f'{n:>5}' + '%s' % n + '{}'.format(n)\ns = sorted({3, 1})\n"
            "d = {**_base_.model, 'x': [1, *(2, 3)]}\nd.update(y='a,b'.split(','))\nj = osp.join('a', 'b')\n"
            "for i in range(3):\n    s += [i]\n"),
        write_file(
            *state, dir, "l.py",
            "from mmengine.config import read_base\nwith read_base():\n    from .lazy import *\nmodel.update(n=1)\n"),
        write_file(*state, dir, "j.json", "{\"_base_\": \"b.py\", \"a\": [1, \"x\", {\"b\": null}]}"),
    };
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        cseg_status status = CSEG_NO_MEMORY;
        long n = 1;
        for (; status != CSEG_OK; n++) {
            cseg_error err = {0};
            value *cfg;
            arena *mem = arena_new();
            assert_non_null(mem);
            mem_fail_at(n);
            status = config_load(files[f], mem, &cfg, &err);
            if (status == CSEG_OK)
                status = config_override(cfg, "model.head.0.n=[1,(2,3)]", mem, &err);
            if (status == CSEG_OK && (!value_python(mem, cfg) || !value_json(mem, cfg, 2)))
                status = CSEG_NO_MEMORY;
            mem_fail_at(0);
            assert_true(status == CSEG_OK || status == CSEG_NO_MEMORY);
            arena_free(mem);
        }
        assert_true(n > 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(greedy_configs_fail_cleanly), TEST(deep_texts_fail_cleanly),
        TEST(large_files_are_refused),     TEST(hostile_texts_take_time_as_they_are_long),
        TEST(many_bases_are_refused),      TEST(memory_runs_out_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
