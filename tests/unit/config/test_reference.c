/* Every config that mmsegmentation 1.2.2 and 0.30.0 ship resolves to what they themselves make of it: byte for byte as
 * JSON, with the same order of keys. tools/reference_configs.sh fetches the configs; the answers' digests are in
 * tests/data/config. CSEG_REFERENCE names another folder that holds mmsegmentation-VERSION. */
#include "config_test.h"

static char *configs_of(arena *mem, const char *version)
{
    const char *named = getenv("CSEG_REFERENCE");
    const char *folders[] = {named ? named : "", BUILD_DIR "/deps", SOURCE_DIR "/build/deps"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *path = arena_printf(mem, "%s/mmsegmentation-%s/mmseg/.mim/configs", folders[i], version);
        if (path && *folders[i] && file_is_dir(path))
            return path;
    }
    return NULL;
}

static void resolve_all(arena *mem, const char *version, size_t count)
{
    cseg_error err;
    size_t n, seen = 0;
    char *text, *root = configs_of(mem, version);
    if (!root)
        skip();
    assert_int_equal(file_read(arena_printf(mem, TEST_DATA "/config/%s.txt", version), 0, mem, &text, &n, &err),
                     CSEG_OK);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), seen++) {
        char *digest = strchr(line, ' ');
        assert_non_null(digest);
        *digest++ = 0;
        arena *inner = arena_new();
        const char *json = value_json(inner, load(inner, path_join(inner, root, line)), 0);
        assert_non_null(json);
        if (strtoull(digest, NULL, 16) != str_fnv1a64(json, strlen(json)))
            fail_msg("%s: %s resolves differently; `cseg parity config` and the reference's compare.py tell how",
                     version, line);
        arena_free(inner);
    }
    assert_int_equal(seen, count);
}

static void version_1_2_2(void **state)
{
    resolve_all(*state, "1.2.2", 518);
}

static void version_0_30_0(void **state)
{
    resolve_all(*state, "0.30.0", 461);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(version_1_2_2), TEST(version_0_30_0)};
    arena *mem = arena_new();
    bool any = mem && (configs_of(mem, "1.2.2") || configs_of(mem, "0.30.0"));
    arena_free(mem);
    if (!any) {
        printf("skipped: the reference's configs are not here (tools/reference_configs.sh build/deps)\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
