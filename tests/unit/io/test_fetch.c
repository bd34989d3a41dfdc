/* Weights by file, address and name; the downloads that go as they should. */
#include "fetch_test.h"

static void sha256_gives_the_standards_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hash;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < 3; i++)
        for (size_t step = 1; step < 65; step += 21) {
            sha256 s;
            char hex[65];
            size_t n = strlen(cases[i].text);
            sha256_begin(&s);
            for (size_t at = 0; at < n; at += step)
                sha256_add(&s, cases[i].text + at, at + step < n ? step : n - at);
            sha256_end(&s, hex);
            assert_string_equal(hex, cases[i].hash);
        }
    sha256 s;
    char hex[65], block[1000];
    memset(block, 'a', sizeof block);
    sha256_begin(&s);
    for (int i = 0; i < 1000; i++)
        sha256_add(&s, block, sizeof block);
    sha256_end(&s, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void names_have_addresses(void **state)
{
    (void)state;
    const char *better;
    assert_string_equal(zoo_find("open-mmlab", "resnet50_v1c", &better),
                        "https://download.openmmlab.com/pretrain/third_party/resnet50_v1c-2cccc1ad.pth");
    assert_null(better);
    assert_string_equal(zoo_find("openmmlab", "msra/hrnetv2_w18", NULL),
                        "https://download.openmmlab.com/pretrain/third_party/hrnetv2_w18-00eb2006.pth");
    assert_string_equal(zoo_find("modelzoo", "resnet50", NULL),
                        zoo_find("torchvision", "resnet50.imagenet1k_v1", NULL));
    assert_string_equal(zoo_find("open-mmlab", "resnet50_caffe", &better),
                        zoo_find("open-mmlab", "detectron/resnet50_caffe", NULL));
    assert_string_equal(better, "detectron/resnet50_caffe");
    assert_null(zoo_find("open-mmlab", "resnet50_v1x", &better));
    assert_string_equal(better, "resnet50_v1c");
    char *path;
    assert_int_equal(fetch_weights("open-mmlab://resnet50_v1x", mem, &path, &err), CSEG_NOT_FOUND);
    assert_non_null(strstr(err.text, "did you mean 'resnet50_v1c'?"));
    assert_int_equal(fetch_weights("s3://bucket/a.pth", mem, &path, &err), CSEG_UNSUPPORTED);
}

static void local_files_are_themselves(void **state)
{
    (void)state;
    char *path;
    assert_int_equal(fetch_weights("fetch_body", mem, &path, &err), CSEG_OK);
    assert_string_equal(path, "fetch_body");
    assert_int_equal(fetch_weights("/nowhere/a.pth", mem, &path, &err), CSEG_NOT_FOUND);
    assert_int_equal(fetch_weights(TEST_DATA, mem, &path, &err), CSEG_IO);
}

static void a_file_is_downloaded_once(void **state)
{
    (void)state;
    char *path, *again, *name = hashed_name("once"), *url = address("good", name);
    if (fetch_weights(url, mem, &path, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_string_equal(path, arena_printf(mem, "fetch_cache/hub/checkpoints/%s", name));
    check_body(path);
    assert_false(file_exists(arena_printf(mem, "%s.part", path)));
    /* Now from another server, that does not exist: only the name counts. */
    assert_int_equal(fetch_weights(arena_printf(mem, "http://127.0.0.1:1/%s?x=1", name), mem, &again, &err), CSEG_OK);
    assert_string_equal(again, path);
}

/* Every hub has a pytorch_model.bin. */
static void equal_names_of_two_addresses_are_two_files(void **state)
{
    (void)state;
    char *first, *second, *again, *name = "pytorch_model.bin";
    char *here = address("good", name), *there = arena_printf(mem, "%s?id=2", address("typed", name));
    if (fetch_weights(here, mem, &first, &err) != CSEG_OK || fetch_weights(there, mem, &second, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_string_equal(first, "fetch_cache/hub/checkpoints/pytorch_model.bin");
    assert_string_not_equal(first, second);
    assert_string_equal(path_base(second), name);
    check_body(second);
    /* Each address has its own from now on, without the network: what lies there is taken. */
    pth_builder b = {.mem = mem};
    float one = 1;
    int64_t n = 1;
    pth_value *root = pth_dict(&b);
    pth_set(&b, root, "other", pth_tensor_value(&b, PTH_F32, 1, &n, &one));
    assert_int_equal(pth_write(second, &b, root, &err), CSEG_OK);
    int64_t size = file_size(second);
    assert_int_equal(fetch_weights(here, mem, &again, &err), CSEG_OK);
    assert_string_equal(again, first);
    assert_int_equal(fetch_weights(there, mem, &again, &err), CSEG_OK);
    assert_string_equal(again, second);
    assert_int_equal(file_size(second), size);
    /* The query counts, the same host and name as they are. */
    assert_int_equal(fetch_weights(arena_printf(mem, "%s?id=3", here), mem, &again, &err), CSEG_OK);
    assert_string_not_equal(again, first);
    assert_string_not_equal(again, second);
}

static void a_file_without_a_note_is_anybodys(void **state)
{
    (void)state;
    char *path, *at = "fetch_cache/hub/checkpoints/by_hand.pth", *text;
    size_t n;
    assert_int_equal(dir_create("fetch_cache/hub/checkpoints", &err), CSEG_OK);
    assert_int_equal(file_replace_bytes(at, body, body_n, mem, &err), CSEG_OK);
    for (int i = 1; i < 3; i++) {
        char *url = arena_printf(mem, "http://127.0.0.1:%d/by_hand.pth", i);
        assert_int_equal(fetch_weights(url, mem, &path, &err), CSEG_OK);
        assert_string_equal(path, at);
    }
    /* A note tells the address, but neither user nor keys. */
    char *url = arena_printf(mem, "http://user:secret@%s?key=secret#x", address("good", "noted.pth") + 7);
    assert_int_equal(fetch_weights(url, mem, &path, &err), CSEG_OK);
    assert_int_equal(file_read(arena_printf(mem, "%s.url", path), 0, mem, &text, &n, &err), CSEG_OK);
    assert_non_null(strstr(text, arena_printf(mem, "\n127.0.0.1:%d/good/noted.pth\n", port)));
    assert_null(strstr(text, "secret"));
    /* One that cannot be read is no "the same". */
    assert_int_equal(file_replace_bytes(arena_printf(mem, "%s.url", path), "", 0, mem, &err), CSEG_OK);
    assert_int_equal(fetch_weights("http://127.0.0.1:1/noted.pth", mem, &path, &err), CSEG_IO);
}

static void redirects_are_followed_to_an_end(void **state)
{
    (void)state;
    char *path;
    assert_int_equal(fetch_weights(address("moved", "moved.pth"), mem, &path, &err), CSEG_OK);
    check_body(path);
    assert_int_equal(fetch_weights(address("round", "round.pth"), mem, &path, &err), CSEG_IO);
}

static void a_wrong_hash_is_refused(void **state)
{
    (void)state;
    char *path;
    assert_int_equal(fetch_weights(address("good", "bad-0123456789.pth"), mem, &path, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "promises 0123456789"));
    assert_false(file_exists("fetch_cache/hub/checkpoints/bad-0123456789.pth"));
    assert_false(file_exists("fetch_cache/hub/checkpoints/bad-0123456789.pth.part"));
    /* Fewer than eight digits are no hash, as in PyTorch's own names with a date. */
    assert_int_equal(fetch_weights(address("good", "good-abc.pth"), mem, &path, &err), CSEG_OK);
}

static void a_damaged_cache_is_found(void **state)
{
    (void)state;
    char *path, *name = hashed_name("damaged"), *url = address("good", name);
    assert_int_equal(fetch_weights(url, mem, &path, &err), CSEG_OK);
    assert_int_equal(file_replace_bytes(path, body, body_n - 1, mem, &err), CSEG_OK);
    assert_int_equal(fetch_weights(url, mem, &path, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "Delete it"));
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    char *path;
    assert_int_equal(fetch_weights(address("nowhere", "none.pth"), mem, &path, &err), CSEG_NOT_FOUND);
    assert_non_null(strstr(err.text, "404"));
    assert_false(file_exists("fetch_cache/hub/checkpoints/none.pth"));
    assert_false(file_exists("fetch_cache/hub/checkpoints/none.pth.part"));
    assert_int_equal(fetch_weights("http://127.0.0.1/", mem, &path, &err), CSEG_USAGE);
}

static void a_broken_download_is_gone_on_with(void **state)
{
    (void)state;
    static const char *const ways[] = {"ranges", "good"}; /* the second server cannot: begin anew */
    for (int i = 0; i < 2; i++) {
        char *path, *name = hashed_name(ways[i]);
        assert_int_equal(fetch_weights(address("short", name), mem, &path, &err), CSEG_IO);
        char *part = arena_printf(mem, "fetch_cache/hub/checkpoints/%s.part", name);
        assert_int_equal(file_size(part), body_n / 2);
        assert_non_null(strstr(err.text, arena_printf(mem, "put it at fetch_cache/hub/checkpoints/%s", name)));
        if (fetch_weights(address(ways[i], name), mem, &path, &err) != CSEG_OK)
            fail_msg("%s", err.text);
        check_body(path);
        assert_false(file_exists(part));
    }
}

static void a_part_that_is_whole_is_begun_anew(void **state)
{
    (void)state;
    char *path, *name = hashed_name("whole"), *url = address("ranges", name);
    char *part = arena_printf(mem, "fetch_cache/hub/checkpoints/%s.part", name);
    assert_int_equal(dir_create("fetch_cache/hub/checkpoints", &err), CSEG_OK);
    assert_int_equal(file_replace_bytes(part, body, body_n, mem, &err), CSEG_OK);
    if (fetch_weights(url, mem, &path, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    check_body(path);
}

static void without_network_the_message_helps(void **state)
{
    (void)state;
    char *path;
    assert_int_equal(fetch_weights("http://127.0.0.1:1/a-0123456789.pth", mem, &path, &err), CSEG_IO);
    assert_non_null(strstr(err.text, "put it at fetch_cache/hub/checkpoints/a-0123456789.pth"));
}

static void a_full_disk_is_reported(void **state)
{
    (void)state;
    char *path, *url = address("good", "full.pth");
    struct rlimit old, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    setrlimit(RLIMIT_FSIZE, &small);
    cseg_status status = fetch_weights(url, mem, &path, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, CSEG_IO);
    assert_non_null(strstr(err.text, "full.pth.part: cannot write"));
    assert_false(file_exists("fetch_cache/hub/checkpoints/full.pth"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_standards_answers),
        cmocka_unit_test(names_have_addresses),
        cmocka_unit_test(local_files_are_themselves),
        cmocka_unit_test(a_file_is_downloaded_once),
        cmocka_unit_test(redirects_are_followed_to_an_end),
        cmocka_unit_test(a_wrong_hash_is_refused),
        cmocka_unit_test(a_damaged_cache_is_found),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_broken_download_is_gone_on_with),
        cmocka_unit_test(a_part_that_is_whole_is_begun_anew),
        cmocka_unit_test(equal_names_of_two_addresses_are_two_files),
        cmocka_unit_test(a_file_without_a_note_is_anybodys),
        cmocka_unit_test(without_network_the_message_helps),
        cmocka_unit_test(a_full_disk_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
