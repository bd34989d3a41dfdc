/* Archives and folders as lists of members: what is in them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "io/archive/archive.h"
#include "made.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static char folder[64];

static int begin(void **state)
{
    (void)state;
    mem = arena_new();
    strcpy(folder, "/tmp/cseg-archive-XXXXXX");
    return mem && mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    arena_free(mem);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *write_file(const char *name, const void *bytes, size_t n)
{
    char *path = path_join(mem, folder, name);
    assert_int_equal(dir_create(path_dir(mem, path), &err), CSEG_OK);
    assert_int_equal(file_replace_bytes(path, bytes, n, mem, &err), CSEG_OK);
    return path;
}

static const char *write_zip(const char *const *names, int n, int how)
{
    made m = {.file = {.mem = mem}, .dir = {.mem = mem}};
    for (int i = 0; i < n; i++)
        made_entry(&m, names[i], names[i], strlen(names[i]), how);
    made_finish(&m);
    assert_false(m.file.failed);
    return write_file("a.zip", m.file.text, m.file.n);
}

/* Adds a member; its content is its name. */
static void add_to_tar(strbuf *b, const char *name, char kind, const char *data)
{
    char head[512] = {0};
    unsigned sum = 0;
    snprintf(head, 100, "%s", name);
    snprintf(head + 124, 12, "%011o", (unsigned)strlen(data));
    memset(head + 148, ' ', 8);
    head[156] = kind;
    memcpy(head + 257,
           "ustar\0"
           "00",
           8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    strbuf_addn(b, head, sizeof head);
    strbuf_add(b, data);
    while (b->n % 512)
        strbuf_addn(b, "", 1);
}

static const char *write_tar(const strbuf *b)
{
    strbuf whole = {.mem = mem};
    static const char blank[1024];
    strbuf_addn(&whole, b->text, b->n);
    strbuf_addn(&whole, blank, sizeof blank);
    return write_file("a.tar", whole.text, whole.n);
}

static void holds(const char *path, const char *const *names, size_t n)
{
    const archive *a;
    const uint8_t *bytes;
    size_t size;
    if (archive_open(path, mem, &a, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(a->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(a->members[i].name, names[i]);
        assert_ptr_equal(archive_find(a, names[i]), &a->members[i]);
        assert_int_equal(archive_read(a, &a->members[i], mem, &bytes, &size, &err), CSEG_OK);
        assert_int_equal(size, strlen(names[i]));
        assert_memory_equal(bytes, names[i], size);
    }
    assert_null(archive_find(a, "b"));
}

static void refused(const char *path, cseg_status status, const char *says)
{
    const archive *a;
    cseg_status got = archive_open(path, mem, &a, &err);
    if (got != status || !strstr(err.text, says) || !strstr(err.text, path))
        fail_msg("%s: %d: %s", says, (int)got, err.text);
}

static const char *const names[] = {"a/b.png", "a/c d/e.tif", "z"};

static void members_are_sorted_files(void **state)
{
    (void)state;
    const char *const mixed[] = {"z", "a/", "a/c d/e.tif", "a/b.png"};
    strbuf tar = {.mem = mem};
    add_to_tar(&tar, "./z", '0', "z");
    add_to_tar(&tar, "a/", '5', "");
    add_to_tar(&tar, "ignored", 'L', "a/c d/e.tif");
    add_to_tar(&tar, "short", '0', "a/c d/e.tif");
    add_to_tar(&tar, "ignored", 'x', "16 path=a/b.png\n");
    add_to_tar(&tar, "short", '0', "a/b.png");
    add_to_tar(&tar, "link", '2', "");
    holds(write_zip(mixed, 4, 0), names, 3);
    holds(write_zip(mixed, 4, MADE_PACKED), names, 3);
    holds(write_tar(&tar), names, 3);
    for (int i = 0; i < 3; i++)
        write_file(arena_printf(mem, "folder/%s", names[i]), names[i], strlen(names[i]));
    holds(path_join(mem, folder, "folder"), names, 3);
}

static void names_that_lead_out_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"../x", "a/../../x", "/etc/x", "a//b", "./x", "a/..", ".."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const both[] = {"good", bad[i]};
        strbuf tar = {.mem = mem};
        refused(write_zip(both, 2, 0), CSEG_CORRUPT, "a name that leads out of the archive");
        add_to_tar(&tar, bad[i], '0', "x");
        if (bad[i][1] != '/') /* tar writes ./ before names */
            refused(write_tar(&tar), CSEG_CORRUPT, "a name that leads out of the archive");
    }
    strbuf twice = {.mem = mem};
    add_to_tar(&twice, "x", '0', "x");
    add_to_tar(&twice, "x", '0', "y");
    refused(write_tar(&twice), CSEG_CORRUPT, "'x' twice");
}

static void damage_is_named(void **state)
{
    (void)state;
    strbuf tar = {.mem = mem};
    add_to_tar(&tar, "x", '0', "some text");
    refused(write_file("t", tar.text, 700), CSEG_CORRUPT, "ends within a member");
    refused(write_file("t", tar.text, 515), CSEG_CORRUPT, "longer than the file");
    refused(write_file("t", tar.text, tar.n), CSEG_CORRUPT, "has no end");
    char *longer = arena_strndup(mem, tar.text, tar.n);
    memcpy(longer, tar.text, tar.n);
    longer[3] = 'y';
    refused(write_file("t", longer, tar.n), CSEG_UNSUPPORTED, "is no zip or tar archive");
    refused(write_file("t", "text", 4), CSEG_UNSUPPORTED, "is no zip or tar archive");
    refused(write_file("t", "", 0), CSEG_UNSUPPORTED, "is no zip or tar archive");
    refused(path_join(mem, folder, "none"), CSEG_NOT_FOUND, "");
    const char *zip = write_zip(names, 3, MADE_PACKED);
    assert_int_equal(truncate(zip, file_size(zip) - 30), 0);
    refused(zip, CSEG_CORRUPT, "the file was not written to its end");
}

/* What fills `n` bytes, packed by gzip. */
static strbuf gzipped(const void *bytes, size_t n)
{
    uint8_t to[4096];
    z_stream s = {.next_in = (Bytef *)bytes, .avail_in = (uInt)n, .next_out = to, .avail_out = sizeof to};
    strbuf b = {.mem = mem};
    assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    strbuf_addn(&b, (char *)to, s.total_out);
    deflateEnd(&s);
    return b;
}

static void gzip_of_several_parts_is_one(void **state)
{
    (void)state;
    const uint8_t *bytes;
    size_t n;
    strbuf b = gzipped("first ", 6), second = gzipped("second", 6);
    size_t first = b.n;
    strbuf_addn(&b, second.text, second.n);
    strbuf_addn(&b, "\0\0\0", 3); /* padding */
    const uint8_t *p = (const uint8_t *)b.text;
    assert_true(archive_is_gzip(p, b.n));
    assert_int_equal(archive_gunzip(p, b.n, "x.gz", 100, mem, &bytes, &n, &err), CSEG_OK);
    assert_int_equal(n, 12);
    assert_memory_equal(bytes, "first second", 12);
    assert_int_equal(archive_gunzip(p, b.n, "x.gz", 11, mem, &bytes, &n, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "x.gz: would unpack to more than 11 bytes"));
    for (size_t cut = 1; cut < first; cut++) { /* also within the checksum */
        assert_int_equal(archive_gunzip(p, cut, "x.gz", 100, mem, &bytes, &n, &err), CSEG_CORRUPT);
        assert_non_null(strstr(err.text, "x.gz: damaged or truncated gzip data"));
    }
    static const char zeros[100000];
    b = gzipped(zeros, sizeof zeros);
    assert_int_equal(archive_gunzip((uint8_t *)b.text, b.n, "x", 100000, mem, &bytes, &n, &err), CSEG_OK);
    assert_int_equal(n, 100000);
    b.text[b.n - 6] ^= 1; /* the checksum */
    assert_int_equal(archive_gunzip((uint8_t *)b.text, b.n, "x", 100000, mem, &bytes, &n, &err), CSEG_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_are_sorted_files, begin, end),
        cmocka_unit_test_setup_teardown(names_that_lead_out_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(damage_is_named, begin, end),
        cmocka_unit_test_setup_teardown(gzip_of_several_parts_is_one, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
