/* The guards of the op tests see what they are there for: kernels that go too far by a byte, in every direction. Each
 * runs in a process of its own, because some touches end it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backends.h"
#include "graph/plan_internal.h"
#include "guard.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

typedef enum {
    RIGHT,
    BEHIND_OUTPUT,
    BEFORE_OUTPUT,
    BEHIND_SCRATCH,
    READ_BEHIND_INPUT,
    READ_BEHIND_KEPT,
    INTO_INPUT,
    READ_IDLE_INPUT,
    BEHIND_KEPT,
    UNWRITTEN,
    NEVER_FREED
} mistake;

enum { SCRATCH = 24 };
typedef struct wrong {
    kernel base;
    mistake makes;
    int64_t n; /* elements */
    volatile unsigned char *kept;
} wrong;

/* y = -x, and the mistake. */
static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    wrong *k = (wrong *)base;
    volatile float *x = in[0], *y = out[0], *s = scratch;
    volatile unsigned char *bytes = (volatile unsigned char *)y;
    (void)err;
    if (k->makes == READ_IDLE_INPUT && !base->stale)
        return x[0] > 0 ? CSEG_OK : CSEG_DATA;
    base->stale = false;
    for (int64_t i = 0; i < k->n; i++)
        y[i] = -x[i];
    if (k->makes == BEHIND_OUTPUT)
        bytes[(size_t)k->n * sizeof *y] = 0;
    else if (k->makes == BEFORE_OUTPUT)
        bytes[-1] = 0;
    else if (k->makes == BEHIND_SCRATCH)
        s[SCRATCH / sizeof *s] = 1;
    else if (k->makes == READ_BEHIND_INPUT)
        y[0] = x[(k->n + 15) / 16 * 16];
    else if (k->makes == READ_BEHIND_KEPT)
        y[0] = k->kept[64];
    else if (k->makes == INTO_INPUT)
        x[0] = 1;
    else if (k->makes == BEHIND_KEPT)
        k->kept[10] = 1;
    else if (k->makes == UNWRITTEN)
        y[1] = s[0];
    return CSEG_OK;
}

static void release(kernel *base)
{
    wrong *k = (wrong *)base;
    if (k->makes != NEVER_FREED)
        mem_free((void *)(uintptr_t)k->kept);
}

/* Two runs of y = -x of n elements with the mistake. */
static cseg_status run_with(mistake makes, int64_t n, cseg_error *err)
{
    backend *b = backend_ref_new();
    graph *g = graph_new(false);
    plan *p = NULL;
    wrong k = {.base = {.run = run, .release = release, .scratch = SCRATCH, .in_place = -1}, .makes = makes, .n = n};
    k.base.read_when_stale = makes == READ_IDLE_INPUT;
    guard_allocations(true);
    k.kept = mem_alloc(10);
    guard_allocations(false);
    assert_true(b && g && k.kept);
    graph_push_scope(g, "the case");
    tensor *y = op_unary(g, graph_input(g, "x", DT_F32, 1, &n), (unary_attr){.kind = UNARY_ABS});
    graph_add_output(g, "y", y);
    assert_int_equal(plan_build(g, b, &p, err), CSEG_OK);
    p->steps[0].kernel = &k.base;
    assert_int_equal(guard_plan(p, err), CSEG_OK);
    memset(plan_input(p, "x", NULL), 0, (size_t)n * sizeof(float));
    plan_weights_changed(p);
    cseg_status status = plan_run(p, err);
    if (status == CSEG_OK)
        status = plan_run(p, err);
    const float *value = plan_output(p, "y", NULL);
    if (status == CSEG_OK && value[1] != 0)
        status = (fail)(err, CSEG_NUMERIC, "what nobody has written was read");
    plan_free(p);
    graph_free(g);
    backend_free(b);
    return status;
}

/* What the process says that makes the mistake; "" when it says nothing and ends well. */
static void told(mistake makes, int64_t n, char *text, size_t size)
{
    int out[2], status;
    assert_int_equal(pipe(out), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        cseg_error err = {0};
        dup2(out[1], STDERR_FILENO);
        if (run_with(makes, n, &err) == CSEG_OK)
            exit(0);
        fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
    close(out[1]);
    ssize_t more;
    size_t got = 0;
    while (got < size - 1 && (more = read(out[0], text + got, size - 1 - got)) > 0)
        got += (size_t)more;
    text[got] = 0;
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status)); /* not by a signal: the message is there */
    assert_int_equal(WEXITSTATUS(status) == 0, got == 0);
}

static void a_right_kernel_passes(void **state)
{
    (void)state;
    static const int64_t sizes[] = {2, 15, 16, 17, 1024, 1025};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[512];
        told(RIGHT, sizes[i], text, sizeof text);
        assert_string_equal(text, "");
    }
}

static void a_byte_too_far_is_told(void **state)
{
    (void)state;
    static const struct {
        mistake makes;
        int64_t n;
        const char *say;
    } cases[] = {
        {BEHIND_OUTPUT, 15, "the case, unary: byte 1 behind its output (60 bytes) was written"},
        {BEHIND_OUTPUT, 16, "the case, unary: touches byte 1 behind its output (64 bytes)"},
        {BEHIND_OUTPUT, 1024, "the case, unary: touches byte 1 behind its output (4096 bytes)"},
        {BEFORE_OUTPUT, 15, "the case, unary: byte 1 in front of its output (60 bytes) was written"},
        {BEFORE_OUTPUT, 1024, "the case, unary: touches byte 1 in front of its output (4096 bytes)"},
        {BEHIND_SCRATCH, 15, "the case, unary: byte 1 behind its scratch (24 bytes) was written"},
        {READ_BEHIND_INPUT, 15, "the case, unary: touches byte 5 behind its input (60 bytes)"},
        {INTO_INPUT, 15, "the case, unary: touches its input, which this run may not (or only read)"},
        {READ_IDLE_INPUT, 15, "the case, unary: touches its input, which this run may not (or only read)"},
        {BEHIND_KEPT, 15, "a buffer by mem_alloc: byte 1 behind its memory (10 bytes) was written"},
        {READ_BEHIND_KEPT, 15, "the case, unary: touches memory outside of its inputs, outputs and scratch"},
        {UNWRITTEN, 15, "what nobody has written was read"},
        {NEVER_FREED, 15, "1 blocks of memory were never released, the last of 10 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        told(cases[i].makes, cases[i].n, text, sizeof text);
        print_message("    %s", text);
        if (!strstr(text, cases[i].say))
            fail_msg("case %zu says: %s", i, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_kernel_passes),
        cmocka_unit_test(a_byte_too_far_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
