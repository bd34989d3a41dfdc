/* fault_memory: the program, with one allocation after the other failing.
 *   fault_memory FIRST STEP FILE COMMAND ARGUMENT...
 * Runs `cseg COMMAND ARGUMENT...` once for each FIRST, FIRST + STEP, ..., with that allocation failing and no other,
 * until a run has fewer. Each must end in 1 or 2 with a message, or have done its work: then FILE is there, and is what
 * a run without a failure wrote (FILE.whole): by its bytes, or, where $SAME is set, by what `$SAME FILE FILE.whole`
 * says. FILE is removed before each. FILE - is what is printed, in stdout.txt. Prints how many runs there were; exit
 * code 1 if one was none of these. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

int cseg_main(int argc, char **argv);

enum { TOLD = 40, MOST = 1000000, NEVER = 1000000000 };

/* The child's exit code, -1 after a signal; *said: whether it wrote a message. */
static int run_one(long n, const char *output, int argc, char **argv, int *said)
{
    int out[2];
    char text[4096];
    if (pipe(out) != 0)
        exit(2);
    fflush(stdout); /* or the child would print it again */
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDERR_FILENO);
        close(out[0]);
        close(out[1]);
        if (!freopen(output, "w", stdout))
            _exit(2);
        mem_fail_at(-n);
        exit(cseg_main(argc, argv));
    }
    close(out[1]);
    ssize_t size, total = 0;
    while ((size = read(out[0], text + total, sizeof text - 1 - (size_t)total)) > 0)
        total += size;
    close(out[0]);
    text[total] = 0;
    int status = 0;
    if (waitpid(pid, &status, 0) != pid)
        exit(2);
    *said = strstr(text, "cseg: ") != NULL;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool same_bytes(const char *a, const char *b)
{
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    int c = 0, d = 0;
    while (x && y && c == d && c != EOF) {
        c = getc(x);
        d = getc(y);
    }
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    return x && y && c == d;
}

static bool same(const char *a, const char *b)
{
    char command[4096];
    const char *by = getenv("SAME");
    if (!by)
        return same_bytes(a, b);
    int n = snprintf(command, sizeof command, "%s '%s' '%s'", by, a, b);
    return n < (int)sizeof command && system(command) == 0;
}

/* What no failure leads to. */
static void run_whole(const char *file, const char *whole, const char *output, int argc, char **argv)
{
    int said;
    remove(file);
    if (run_one(NEVER, output, argc, argv, &said) != 0 || rename(file, whole) != 0) {
        printf("no %s without a failure either\n", file);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    char whole[4096];
    long first = argc > 4 ? atol(argv[1]) : 0, step = argc > 4 ? atol(argv[2]) : 0, runs = 0, failed = 0, bad = 0;
    if (first < 1 || step < 1) {
        fprintf(stderr, "fault_memory FIRST STEP FILE COMMAND ARGUMENT...\n");
        return 2;
    }
    setenv("GOMP_SPINCOUNT", "10000", 0); /* the program would start itself anew */
    bool prints = strcmp(argv[3], "-") == 0;
    const char *file = prints ? "stdout.txt" : argv[3], *output = prints ? file : "/dev/null";
    int good_in_a_row = 0;
    snprintf(whole, sizeof whole, "%s.whole", file);
    run_whole(file, whole, output, argc - 3, argv + 3);
    for (long n = first; n < MOST && good_in_a_row < TOLD; n += step, runs++) {
        int said = 0;
        remove(file);
        int code = run_one(n, output, argc - 3, argv + 3, &said);
        bool there = access(file, F_OK) == 0;
        bool right = there && same(file, whole);
        bool good = code == 0 ? right : (code == 1 || code == 2) && said && (prints || !there);
        if (!good) {
            printf("allocation %ld: exit code %d, %s is %s, %s\n", n, code, file,
                   right   ? "there"
                   : there ? "there, another"
                           : "not there",
                   said ? "with a message" : "without a message");
            bad++;
        }
        failed += code != 0;
        good_in_a_row = code == 0 ? good_in_a_row + 1 : 0;
    }
    printf("%ld runs, %ld of them told a failure, %ld were wrong\n", runs, failed, bad);
    return bad || !failed ? 1 : 0;
}
