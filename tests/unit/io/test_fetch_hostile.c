/* Downloads that go wrong: nothing but a whole checkpoint gets a name in the cache. */
#include <time.h>

#include "fetch_test.h"
#include "io/net/fetch_transfer.h"

#define CACHE "fetch_cache/hub/checkpoints/"

static bool left(const char *name)
{
    return file_exists(arena_printf(mem, CACHE "%s", name));
}

/* Nothing under the final name, and no part either. */
static void fails(const char *way, const char *name, cseg_status want, const char *const *says)
{
    char *path = NULL, *url = address(way, name);
    err.text[0] = 0;
    cseg_status status = fetch_weights(url, mem, &path, &err);
    if (status != want || !strstr(err.text, url))
        fail_msg("%s: %d: %s", way, (int)status, err.text);
    for (; *says; says++)
        if (!strstr(err.text, *says))
            fail_msg("%s: '%s' is missing: %s", way, *says, err.text);
    if (left(name) || left(arena_printf(mem, "%s.part", name)))
        fail_msg("%s: something is left", way);
}

#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void pages_are_no_checkpoints(void **state)
{
    (void)state;
    char *hashed = hashed_name("paged");
    fails("page", "a.pth", CSEG_CORRUPT, SAYS("an HTML page", "log in"));
    fails("short-page", "a.pth", CSEG_CORRUPT, SAYS("an HTML page", "log in"));
    fails("pointer", "a.pth", CSEG_CORRUPT, SAYS("a Git LFS pointer", "git lfs pull"));
    fails("empty", "a.pth", CSEG_CORRUPT, SAYS("an empty file"));
    fails("page", hashed, CSEG_CORRUPT, SAYS("an HTML page"));
    fails("short-page", hashed, CSEG_CORRUPT, SAYS("an HTML page"));
    /* Its first bytes are enough: the rest never ends. */
    fails("endless-page", "a.pth", CSEG_CORRUPT, SAYS("an HTML page"));
}

static void half_a_body_is_no_file(void **state)
{
    (void)state;
    fails("short", "half.pth", CSEG_IO, SAYS("cannot be downloaded", "put it at " CACHE "half.pth"));
    /* Nobody says how long it should be. */
    fails("unsized-half", "half.pth", CSEG_CORRUPT, SAYS("no whole checkpoint", "truncated zip archive", "run again"));
    char *path;
    assert_int_equal(fetch_weights(address("unsized", "unsized.pth"), mem, &path, &err), CSEG_OK);
    check_body(path);
    /* What comes behind the length that was told is not taken. */
    assert_int_equal(fetch_weights(address("longer", "longer.pth"), mem, &path, &err), CSEG_OK);
    check_body(path);
    /* The bytes count, not what the server calls them. */
    assert_int_equal(fetch_weights(address("typed", "typed.pth"), mem, &path, &err), CSEG_OK);
    check_body(path);
}

/* What a killed process left of a file without a hash may be of any other file. */
static void an_old_part_is_gone_on_with_where_a_hash_proves_it(void **state)
{
    (void)state;
    char *path, *hashed = hashed_name("old");
    const char *names[] = {"old.pth", hashed};
    assert_int_equal(dir_create(CACHE, &err), CSEG_OK);
    for (int i = 0; i < 2; i++) {
        char *part = arena_printf(mem, CACHE "%s.part", names[i]), *other = arena_alloc(mem, 1000);
        memset(other, 'x', 1000);
        assert_int_equal(file_replace_bytes(part, other, 1000, mem, &err), CSEG_OK);
        char *url = address("ranges", names[i]);
        if (i == 1) { /* found to be wrong, and gone: the next time begins anew */
            assert_int_equal(fetch_weights(url, mem, &path, &err), CSEG_CORRUPT);
            assert_false(left(names[i]) || file_exists(part));
        }
        assert_int_equal(fetch_weights(url, mem, &path, &err), CSEG_OK);
        check_body(path);
    }
}

static void servers_that_refuse_are_told(void **state)
{
    (void)state;
    fails("nowhere", "none.pth", CSEG_NOT_FOUND, SAYS("404"));
    fails("refused", "none.pth", CSEG_IO, SAYS("403", "put it at"));
    fails("round", "none.pth", CSEG_IO, SAYS("redirects"));
}

static void addresses_lead_to_few_others(void **state)
{
    (void)state;
    char *path;
    assert_int_equal(fetch_weights(address("hops/10", "hops.pth"), mem, &path, &err), CSEG_OK);
    fails("hops/11", "far.pth", CSEG_IO, SAYS("redirects"));
    fails("to-file", "local.pth", CSEG_IO, SAYS("file"));
    assert_string_equal(fetch_leads_to("https://a.b/c.pth"), "https");
    assert_string_equal(fetch_leads_to("http://a.b/c.pth"), "http,https");
    static const char *const others[] = {"ftp://127.0.0.1/a.pth", "file:///etc/passwd", "s3://b/a.pth",
                                         "scp://h/a.pth"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(fetch_weights(others[i], mem, &path, &err), CSEG_UNSUPPORTED);
}

static void slow_and_silent_servers_are_given_up(void **state)
{
    (void)state;
    static const fetch_limits quick = {1, 1000, 1 << 20};
    static const char *const ways[] = {"trickle", "silent"};
    fetch_limit(&quick);
    for (int i = 0; i < 2; i++) {
        time_t begun = time(NULL);
        fails(ways[i], "slow.pth", CSEG_IO, SAYS("fewer than 1000 bytes a second", "run again"));
        assert_in_range(time(NULL) - begun, 0, 20);
    }
    fails("endless", "large.pth", CSEG_IO, SAYS("larger than 1048576 bytes"));
    fetch_limit(NULL);
}

static int asked;

static void listen_begins(void)
{
    asked = 0;
}

static bool stop_later(void *arg)
{
    return ++asked > *(int *)arg;
}

static void a_download_can_be_stopped(void **state)
{
    (void)state;
    static const char *const ways[] = {"trickle", "silent"};
    int after = 2;
    char *hashed = hashed_name("stopped");
    fetch_stop_when(listen_begins, stop_later, &after);
    for (int i = 0; i < 2; i++) {
        time_t begun = time(NULL);
        fails(ways[i], "stopped.pth", CSEG_INTERRUPTED, SAYS("stopped by a signal"));
        fails(ways[i], hashed, CSEG_INTERRUPTED, SAYS("stopped by a signal"));
        assert_in_range(time(NULL) - begun, 0, 20);
    }
    fetch_stop_when(NULL, NULL, NULL);
}

static void what_the_cache_holds_is_checked_too(void **state)
{
    (void)state;
    static const char page[] = "<html><body>Please sign in</body></html>";
    char *path, *url = address("good", "kept.pth");
    assert_int_equal(dir_create(CACHE, &err), CSEG_OK);
    assert_int_equal(file_replace_bytes(CACHE "kept.pth", page, sizeof page - 1, mem, &err), CSEG_OK);
    assert_int_equal(fetch_weights(url, mem, &path, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, CACHE "kept.pth: is no PyTorch checkpoint, but an HTML page"));
    assert_non_null(strstr(err.text, "delete it and run again"));
    assert_int_equal(file_replace_bytes(CACHE "kept.pth", body, body_n / 2, mem, &err), CSEG_OK);
    assert_int_equal(fetch_weights(url, mem, &path, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "delete it and run again"));
}

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    struct rlimit old, small;
    char *hashed = hashed_name("full");
    address("good", "");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    fails("good", "full.pth", CSEG_IO, SAYS("full.pth.part: cannot write"));
    fails("good", hashed, CSEG_IO, SAYS("cannot write"));
    setrlimit(RLIMIT_FSIZE, &old);
}

/* A process is killed in the midst; the next one finds its part, and ends with the whole file. */
static void after_a_kill_the_next_run_succeeds(void **state)
{
    (void)state;
    char *path, *url = address("trickle", "killed.pth"), *part = CACHE "killed.pth.part";
    pid_t pid = fork();
    if (pid == 0) {
        fetch_weights(url, mem, &path, &err);
        _exit(0);
    }
    while (!file_exists(part))
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(left("killed.pth"));
    assert_int_equal(fetch_weights(address("good", "killed.pth"), mem, &path, &err), CSEG_OK);
    check_body(path);
    assert_false(file_exists(part));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_no_checkpoints),
        cmocka_unit_test(half_a_body_is_no_file),
        cmocka_unit_test(an_old_part_is_gone_on_with_where_a_hash_proves_it),
        cmocka_unit_test(servers_that_refuse_are_told),
        cmocka_unit_test(addresses_lead_to_few_others),
        cmocka_unit_test(slow_and_silent_servers_are_given_up),
        cmocka_unit_test(a_download_can_be_stopped),
        cmocka_unit_test(what_the_cache_holds_is_checked_too),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(after_a_kill_the_next_run_succeeds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
