/* cseg: finds the command, parses its line, runs it, and says what failed. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "io/net/fetch.h"

#define COMMAND(name) extern const cli_command command_##name;
#include "cli/commands.h"
#undef COMMAND

static const cli_command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "cli/commands.h"
#undef COMMAND
    NULL};

enum { EXIT_USAGE = 2 };

const cli_command *const *cli_commands(void)
{
    return commands;
}

const cli_command *cli_find(const char *name)
{
    for (const cli_command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static int report(cseg_status status, const cseg_error *err)
{
    progress_clear();
    if (status == CSEG_OK)
        return EXIT_SUCCESS;
    if (err->text[0])
        fprintf(stderr, "cseg: %s\n", err->text);
    return status == CSEG_USAGE ? EXIT_USAGE : EXIT_FAILURE;
}

static cseg_status unknown_command(const char *name, cseg_error *err)
{
    const char *names[sizeof commands / sizeof *commands];
    size_t n = 0;
    for (; commands[n]; n++)
        names[n] = commands[n]->name;
    const char *near = str_nearest(name, names, n);
    if (near)
        return fail(err, CSEG_USAGE, "unknown command '%s': did you mean '%s'? See cseg --help", name, near);
    return fail(err, CSEG_USAGE, "unknown command '%s'; see cseg --help", name);
}

static cseg_status run_command(const cli_command *c, int argc, char **argv, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    cli_common common = {0};
    str_list args = {0};
    arena *mem = arena_new();
    void *options = mem ? arena_alloc(mem, c->size) : NULL;
    if (!options) {
        arena_free(mem);
        return fail_memory(err);
    }
    TRY_DONE(cli_parse(c, argc, argv, options, &args, &common, mem, err));
    terminal_start(common.quiet, common.verbose);
    if (common.help)
        cli_help_command(c, stdout);
    else
        status = c->run(options, &args, mem, err);
done:
    arena_free(mem);
    return status;
}

/* The reader of a pipe is gone (| head), and the caller ignores SIGPIPE, which would have ended the program. */
static bool nobody_reads(void)
{
    int e = errno;
    struct pollfd p = {.fd = STDOUT_FILENO};
    bool gone = poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
    errno = e;
    return gone;
}

/* A result that did not reach its reader (a full disk) is a failure. */
static cseg_status flush_output(cseg_error *err)
{
    bool was_bad = ferror(stdout); /* its reason is gone */
    bool is_bad = fflush(stdout) != 0;
    if ((was_bad || is_bad) && nobody_reads())
        return fail(err, CSEG_IO, "%s", "");
    if (is_bad)
        return fail_errno(err, "standard output", "write");
    return was_bad ? fail(err, CSEG_IO, "standard output: cannot be written in full; is the disk full?") : CSEG_OK;
}

/* If the caller has closed a standard stream, the next file that is opened would take its number, and messages would be
 * written into a log or a checkpoint. */
static void open_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
            _exit(EXIT_FAILURE);
}

/* OpenMP's threads spin at barriers, by default for so long that a second busy program on the machine makes a step ten
 * times slower. The runtime reads its settings before main, so the program starts itself once more with a short spin.
 * That loads all libraries again (50 ms), so only commands that compute do it. */
static void spin_briefly(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY"))
        return;
    if (setenv("GOMP_SPINCOUNT", "10000", 1) == 0)
        execv("/proc/self/exe", argv);
}

/* Hundreds of images and maps of all sizes are allocated and freed each second. By default the C library gives memory
 * of that size back to the system each time and gets it again page by page, which takes a tenth of the time of loading.
 */
static void keep_memory(void)
{
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

int main(int argc, char **argv)
{
    cseg_error err = {0};
    open_streams();
    interrupt_start();
    keep_memory();
    signal(SIGXFSZ, SIG_IGN); /* a write beyond the file size limit then fails with an error, which is reported like
                                 a full disk */
    fetch_stop_when(interrupt_watch, interrupt_seen, NULL);
    terminal_start(false, false);
    if (argc < 2) {
        cli_help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        const cli_command *about = argc > 2 ? cli_find(argv[2]) : NULL;
        if (about)
            cli_help_command(about, stdout);
        else
            cli_help(stdout);
        return report(flush_output(&err), &err);
    }
    const cli_command *c = cli_find(strcmp(name, "--version") == 0 ? "version" : name);
    if (c && c->computes)
        spin_briefly(argv);
    cseg_status status = c ? run_command(c, argc - 2, argv + 2, &err) : unknown_command(name, &err);
    if (status == CSEG_OK)
        status = flush_output(&err);
    return report(status, &err);
}
