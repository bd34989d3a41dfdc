/* Any text as a command line: an argument a line, the first one is the command. Every command's options are parsed by
 * their tables; nothing runs. What comes out lies in what was given or within the options' limits. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MOST = 200 };

static void check_numbers(const cli_command *c, const char *options)
{
    for (const cli_option *o = c->options; o->names; o++) {
        int64_t whole;
        double real;
        if (o->type == O_INT && (o->min != 0 || o->max != 0)) {
            memcpy(&whole, options + o->offset, sizeof whole);
            if (whole != 0 && ((double)whole < o->min || (double)whole > o->max))
                abort();
        } else if (o->type == O_FLOAT && (o->min != 0 || o->max != 0)) {
            memcpy(&real, options + o->offset, sizeof real);
            if (!(real == 0 || (real >= o->min && real <= o->max)))
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cseg_error err = {.text = ""};
    char *argv[MOST];
    int argc = 0;
    str_list args = {0};
    cli_common common = {0};
    arena *mem = arena_new();
    char *text = mem ? arena_strndup(mem, (const char *)data, n) : NULL, *rest = text;
    while (text && argc < MOST && (argv[argc] = strsep(&rest, "\n")))
        argc++;
    const cli_command *c = argc ? cli_find(argv[0]) : NULL;
    void *options = c ? arena_alloc(mem, c->size) : NULL;
    if (options) {
        if (cli_parse(c, argc - 1, argv + 1, options, &args, &common, mem, &err) == CSEG_OK) {
            check_numbers(c, options);
            (void)arguments_check(c, &args, &err);
        } else if (!err.text[0]) {
            abort();
        }
    }
    arena_free(mem);
    return 0;
}
