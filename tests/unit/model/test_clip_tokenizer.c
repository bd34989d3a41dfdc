/* CLIP's tokenizer: the tokens that the reference makes, what is cut off, and what is refused. */
#include "model/text/clip_tokenizer.h"

#include <string.h>

#include "model/text/templates.h"
#include "model_test.h"

enum { MOST = 77 };

static const clip_tokenizer *tokenizer(arena **mem)
{
    *mem = arena_new();
    assert_non_null(*mem);
    const clip_tokenizer *t = clip_tokenizer_new(*mem);
    assert_non_null(t);
    return t;
}

/* Made by mmseg.utils.tokenizer.tokenize. */
static const struct {
    const char *text;
    int32_t tokens[16];
} known[] = {
    {"a photo of a dining table-merged.", {49406, 320, 1125, 539, 320, 8658, 2175, 268, 46492, 269, 49407}},
    {"There is a dog's 1st toy!", {49406, 997, 533, 320, 1929, 568, 272, 545, 5988, 256, 49407}},
    {"Café  au\tlait ", {49406, 15304, 2566, 572, 585, 49407}},
    {"x <end_of_text> y", {49406, 343, 49407, 344, 49407}},
    {"stuffed-animal_17", {49406, 11781, 268, 4668, 318, 272, 278, 49407}},
    {"", {49406, 49407}},
};

static void tokens_are_the_references(void **state)
{
    (void)state;
    arena *mem;
    const clip_tokenizer *t = tokenizer(&mem);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        int32_t got[MOST];
        cseg_error err = {0};
        int n = clip_tokenize(t, known[i].text, MOST, got, &err);
        assert_in_range(n, 2, 16);
        assert_int_equal(got[n - 1], CLIP_END);
        assert_memory_equal(got, known[i].tokens, (size_t)n * sizeof *got);
        assert_true(n == 16 || known[i].tokens[n] == 0);
    }
    arena_free(mem);
}

static void long_texts_are_cut_before_their_end(void **state)
{
    (void)state;
    arena *mem;
    const clip_tokenizer *t = tokenizer(&mem);
    int32_t got[4];
    cseg_error err = {0};
    assert_int_equal(clip_tokenize(t, "x <end_of_text> y", 4, got, &err), 4);
    assert_memory_equal(got, ((int32_t[]){CLIP_START, 343, CLIP_END, CLIP_END}), sizeof got);
    arena_free(mem);
}

static void other_characters_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {{"\xe7\x8c\xab", "byte 0"},
                 {"na\xc3\xaf\xc3\xafve", "byte 2"},
                 {"bell\a", "byte 4"},
                 {"salt&amp;pepper", "HTML"},
                 {"\xc3", "byte 0"}};
    arena *mem;
    const clip_tokenizer *t = tokenizer(&mem);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t got[MOST];
        cseg_error err = {0};
        assert_int_equal(clip_tokenize(t, cases[i].text, MOST, got, &err), -1);
        assert_non_null(strstr(err.text, cases[i].says));
    }
    arena_free(mem);
}

static void sentences_take_a_name(void **state)
{
    (void)state;
    arena *mem = arena_new();
    strbuf text = {.mem = mem};
    size_t n;
    assert_true(prompt_fill(&text, "{{a}} {} and {0}.", "cat"));
    assert_string_equal(text.text, "{a} cat and cat.");
    assert_false(prompt_fill(&text, "{} and {}", "cat"));
    assert_false(prompt_fill(&text, "{name}", "cat"));
    assert_non_null(templates_named("vild", &n));
    assert_int_equal(n, 14);
    assert_non_null(templates_named("imagenet", &n));
    assert_int_equal(n, 80);
    assert_null(templates_named("imagnet", &n));
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_the_references),
        cmocka_unit_test(long_texts_are_cut_before_their_end),
        cmocka_unit_test(other_characters_are_refused),
        cmocka_unit_test(sentences_take_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
