/* What the download tests share: a server of this machine, and the file that it gives. */
#ifndef FETCH_TEST_H
#define FETCH_TEST_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "io/net/fetch.h"
#include "io/net/sha256.h"
#include "io/torch/pth.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static pid_t server;
static int server_input, port;

/* The file that the server gives: a checkpoint of 300 kB, more than one packet. */
static char *body, body_hash[65];
static size_t body_n;

static bool start_server(void)
{
    int to[2], from[2];
    if (system("python3 -c 'import http.server' 2>/dev/null") != 0)
        return false;
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    server = fork();
    if (server == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        execlp("python3", "python3", TEST_DATA "/io/http_server.py", "fetch_body", (char *)NULL);
        _exit(1);
    }
    close(to[0]);
    close(from[1]);
    server_input = to[1];
    FILE *f = fdopen(from[0], "r");
    bool good = fscanf(f, "%d", &port) == 1;
    fclose(f);
    return good;
}

static cseg_status make_body(void)
{
    pth_builder b = {.mem = mem};
    int64_t n = 75000;
    float *values = ARENA_ARRAY(mem, (size_t)n, float);
    for (int64_t i = 0; i < n; i++)
        values[i] = (float)(i * 7 % 1001);
    pth_value *root = pth_dict(&b);
    pth_set(&b, root, "weight", pth_tensor_value(&b, PTH_F32, 1, &n, values));
    TRY(pth_write("fetch_body", &b, root, &err));
    return file_read("fetch_body", 0, mem, &body, &body_n, &err);
}

static int setup(void **state)
{
    (void)state;
    mem = arena_new();
    if (system("rm -rf fetch_cache") != 0 || make_body() != CSEG_OK)
        return -1;
    sha256 s;
    sha256_begin(&s);
    sha256_add(&s, body, body_n);
    sha256_end(&s, body_hash);
    unsetenv("http_proxy");
    setenv("TORCH_HOME", "fetch_cache", 1);
    if (!start_server())
        port = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (server > 0) {
        close(server_input);
        waitpid(server, NULL, 0);
    }
    arena_free(mem);
    return system("rm -rf fetch_cache fetch_body");
}

static inline char *address(const char *way, const char *name)
{
    if (!port) {
        print_message("skipped: no python3 for a server\n");
        skip();
    }
    return arena_printf(mem, "http://127.0.0.1:%d/%s/%s", port, way, name);
}

static inline char *hashed_name(const char *stem)
{
    return arena_printf(mem, "%s-%.8s.pth", stem, body_hash);
}

static inline void check_body(const char *path)
{
    char *got;
    size_t n;
    assert_int_equal(file_read(path, 0, mem, &got, &n, &err), CSEG_OK);
    assert_int_equal(n, body_n);
    assert_memory_equal(got, body, body_n);
}

#endif
