/* Reads the command line by tables. Parsing, help, shell completion and messages all follow from one list a command.
 *
 *     char *words[] = {"--out", "results"};
 *     str_list args = {0};
 *     cli_common common;
 *     void *options = arena_alloc(mem, cli_find("infer")->size);
 *     TRY(cli_parse(cli_find("infer"), 2, words, options, &args, &common, mem, err));
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum {
    O_FLAG,         /* bool */
    O_STR,          /* const char * */
    O_INT,          /* int64_t */
    O_FLOAT,        /* double */
    O_LIST,         /* str_list: everything up to the next option; the option may be given again */
    O_PAIRS,        /* str_list: the same, but of KEY=VALUE only */
    O_MAYBE,        /* const char *: "" when given without a value, NULL when not given */
    O_IGNORED_FLAG, /* accepted because scripts use it; has no effect, and the help says so */
    O_IGNORED       /* the same, with a value */
} option_type;

typedef struct str_list {
    const char **at;
    size_t n, cap;
} str_list;

typedef struct cli_option {
    const char *names; /* "--cfg-options|--options": the first one is shown */
    option_type type;
    size_t offset;       /* in the command's struct */
    const char *value;   /* what the help calls its value: DIR */
    const char *choices; /* "none|pytorch"; NULL: any */
    double min, max;     /* of numbers; both 0: no limit */
    const char *about;
} cli_option;

/* What an argument is, for shell completion. */
typedef enum { ARG_CONFIG, ARG_CHECKPOINT, ARG_FILE, ARG_SHELL } arg_kind;

typedef struct cli_command {
    const char *name;
    const char *arguments;     /* "CONFIG CHECKPOINT IMAGE..." */
    const char *about;         /* one line, for the list of commands */
    const char *details;       /* paragraphs for --help, separated by \n; may be NULL */
    int min_args, max_args;    /* max -1: any number */
    bool computes;             /* on OpenMP's threads */
    const cli_option *options; /* ends with names == NULL */
    size_t size;               /* of the struct that is filled */
    cseg_status (*run)(const void *options, const str_list *args, arena *mem, cseg_error *err);
} cli_command;

/* What every command takes. */
typedef struct cli_common {
    bool help, quiet, verbose; /* help: the rest of the line was not read */
} cli_common;

/* Every command, NULL at the end. */
const cli_command *const *cli_commands(void);
const cli_command *cli_find(const char *name); /* NULL: none */

/* Fills *options (command->size zeroed bytes) and *args from argv[0 .. argc).
 * CSEG_USAGE with the nearest known option and the command's usage line. */
cseg_status cli_parse(const cli_command *c, int argc, char **argv, void *options, str_list *args, cli_common *common,
                      arena *mem, cseg_error *err);

/* Help in at most 80 columns. */
void cli_help(FILE *out);
void cli_help_command(const cli_command *c, FILE *out);
/* Prints a completion script; CSEG_USAGE for a shell that is not bash, zsh or fish. */
cseg_status cli_completion(const char *shell, FILE *out, cseg_error *err);

/* Puts the i-th name of "a|b|c" into `to`; false if there are fewer names. */
bool cli_name_at(const char *names, size_t i, char to[static 64]);

#endif
