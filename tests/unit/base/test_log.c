/* Messages: levels reach the sink, and a warning that comes of many threads is given once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/log.h"

typedef struct heard {
    int n;
    log_level level;
    char text[128];
} heard;

static void listen(void *arg, log_level level, const char *text)
{
    heard *h = arg;
    h->n++;
    h->level = level;
    strncpy(h->text, text, sizeof h->text - 1);
}

static void test_once(void **state)
{
    (void)state;
    heard h = {0};
    log_warn_once("%s: nobody listens yet", "a.png");
    log_set_sink(listen, &h);
    log_warn_once("%s: nobody listens yet", "a.png");
    assert_int_equal(h.n, 1);
    assert_int_equal(h.level, LOG_WARNING);
    assert_string_equal(h.text, "a.png: nobody listens yet");
    log_warn_once("%s: nobody listens yet", "a.png");
    assert_int_equal(h.n, 1);
    log_warn_once("%s: nobody listens yet", "b.png");
    assert_int_equal(h.n, 2);
    for (int i = 0; i < 1000; i++)
        log_warn_once("%d", i);
    assert_int_equal(h.n, 1002);
    log_warn_once("%d", 999);
    assert_int_equal(h.n, 1002);
    log_set_sink(NULL, NULL);
}

static void test_levels(void **state)
{
    (void)state;
    heard h = {0};
    log_set_sink(listen, &h);
    log_say(LOG_INFO, "iteration %d", 7);
    log_say(LOG_INFO, "iteration %d", 7);
    assert_int_equal(h.n, 2);
    assert_int_equal(h.level, LOG_INFO);
    assert_string_equal(h.text, "iteration 7");
    log_set_sink(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_once), cmocka_unit_test(test_levels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
