#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "io/events.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;

static int setup(void **state)
{
    (void)state;
    mem = arena_new();
    return mem && system("rm -rf events_dir") == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(mem);
    return system("rm -rf events_dir");
}

/* The one file in a folder that is not `but`. */
static const char *file_in(const char *dir, const char *but)
{
    const char *found = NULL;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && !(but && strcmp(path_base(but), e->d_name) == 0)) {
            assert_null(found);
            found = path_join(mem, dir, e->d_name);
        }
    closedir(d);
    assert_non_null(found);
    return found;
}

/* Each record is in the file when its call returns. */
static void write_some(const char **path)
{
    events *e;
    assert_int_equal(system("rm -rf events_dir"), 0);
    assert_int_equal(events_open("events_dir/a/b", mem, &e, &err), CSEG_OK);
    assert_int_equal(events_scalar(e, "train/loss", 0.5, 1, &err), CSEG_OK);
    assert_int_equal(events_scalar(e, "val/mIoU", 41.09, 300, &err), CSEG_OK);
    *path = file_in("events_dir/a/b", NULL);
}

/* The bytes that TensorBoard's own writer gives, but for the time. */
static void records_are_framed_as_tensorboard_does(void **state)
{
    (void)state;
    static const unsigned char version[] = {0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22, 0x09};
    static const unsigned char loss[] = {0x10, 0x01, 0x2a, 0x13, 0x0a, 0x11, 0x0a, 0x0a, 't', 'r', 'a', 'i',
                                         'n',  '/',  'l',  'o',  's',  's',  0x15, 0,    0,   0,   0x3f};
    const char *path;
    char *bytes;
    size_t n;
    write_some(&path);
    assert_int_equal(file_read(path, 0, mem, &bytes, &n, &err), CSEG_OK);
    assert_memory_equal(bytes, version, sizeof version);
    assert_memory_equal(bytes + 21,
                        "\x1a\x0d"
                        "brain.Event:2",
                        15);
    double when;
    memcpy(&when, bytes + 13, sizeof when);
    assert_true(when > (double)time(NULL) - 60 && when <= (double)time(NULL) + 1);
    size_t second = 12 + 24 + 4;
    assert_memory_equal(bytes + second + 12 + 9, loss, sizeof loss);
    events *e;
    assert_int_equal(events_open("events_dir/a/b", mem, &e, &err), CSEG_OK);
    assert_string_not_equal(file_in("events_dir/a/b", path), path);
}

static void tensorboard_reads_them(void **state)
{
    (void)state;
    const char *python = getenv("CSEG_PYTHON"), *path;
    python = python ? python : "python3";
    write_some(&path);
    char *check = arena_printf(mem, "%s -c 'import tensorboard' 2>/dev/null", python);
    if (system(check) != 0) {
        print_message("skipped: tensorboard_reads_them, no python with tensorboard ($CSEG_PYTHON)\n");
        skip();
    }
    static const char program[] =
        "import sys; from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader as L\n"
        "from tensorboard.compat.proto.event_pb2 import Event\n"
        "for r in L(sys.argv[1]).Load():\n"
        "    e = Event.FromString(r); print(e.file_version, e.step, [(v.tag, v.simple_value) for v in "
        "e.summary.value])\n";
    assert_int_equal(file_replace_bytes("events_dir/read.py", program, strlen(program), mem, &err), CSEG_OK);
    FILE *f = popen(arena_printf(mem, "%s events_dir/read.py %s 2>/dev/null", python, path), "r");
    char got[1000];
    got[fread(got, 1, sizeof got - 1, f)] = 0;
    pclose(f);
    assert_string_equal(got, "brain.Event:2 0 []\n 1 [('train/loss', 0.5)]\n 300 [('val/mIoU', 41.09000015258789)]\n");
}

static void what_cannot_be_written_is_reported(void **state)
{
    (void)state;
    events *e;
    assert_int_not_equal(events_open("/proc/nowhere", mem, &e, &err), CSEG_OK);
    assert_int_equal(events_open("events_dir", mem, &e, &err), CSEG_OK);
    char tag[2000];
    memset(tag, 'a', sizeof tag - 1);
    tag[sizeof tag - 1] = 0;
    assert_int_equal(events_scalar(e, tag, 1, 1, &err), CSEG_USAGE);
    tag[1000] = 0;
    assert_int_equal(events_scalar(e, tag, 1, INT64_MAX, &err), CSEG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_framed_as_tensorboard_does),
        cmocka_unit_test(tensorboard_reads_them),
        cmocka_unit_test(what_cannot_be_written_is_reported),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
