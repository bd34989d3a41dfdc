/* Writes help texts, wrapped to 80 columns. */
#include <string.h>

#include "cli/options.h"

enum { WIDTH = 80, INDENT = 26, COMMANDS = 14 };

/* Prints `text` wrapped, its first line starting at column `at`, the others at `indent`. */
static void wrap(FILE *out, const char *text, int at, int indent)
{
    while (*text) {
        if (*text == '\n') {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
            text++;
            continue;
        }
        int n = (int)strcspn(text, " \n");
        if (at + n > WIDTH && at > indent) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        }
        fprintf(out, "%.*s", n, text);
        at += n;
        text += n;
        if (*text == ' ') {
            if (at < WIDTH && text[1] && at + 1 + (int)strcspn(text + 1, " \n") <= WIDTH) {
                fputc(' ', out);
                at++;
                text++;
            } else {
                fprintf(out, "\n%*s", indent, "");
                at = indent;
                text++;
            }
        }
    }
    fputc('\n', out);
}

static const char *value_of(const cli_option *o)
{
    if (o->value)
        return o->value;
    return o->type == O_INT ? "N" : o->type == O_FLOAT ? "X" : "VALUE";
}

static void head_of(const cli_option *o, char *to, size_t n)
{
    char name[64];
    cli_name_at(o->names, 0, name);
    switch (o->type) {
    case O_FLAG:
    case O_IGNORED_FLAG:
        snprintf(to, n, "  %s", name);
        break;
    case O_MAYBE:
        snprintf(to, n, "  %s [%s]", name, value_of(o));
        break;
    case O_LIST:
    case O_PAIRS:
        snprintf(to, n, "  %s %s...", name, value_of(o));
        break;
    default:
        snprintf(to, n, "  %s %s", name, value_of(o));
    }
}

/* Goes on at column `indent`, on a line of its own if what stands there leaves no gap of two. */
static void indent_to(FILE *out, int at, int indent)
{
    if (at > indent - 2) {
        fprintf(out, "\n");
        at = 0;
    }
    fprintf(out, "%*s", indent - at, "");
}

/* " (a|b|c)", or with commas, at which lines can break, if it is longer than a line. Returns its length. */
static size_t add_choices(const char *choices, char *to, size_t room)
{
    bool wide = strlen(choices) + 2 > WIDTH - INDENT;
    size_t n = (size_t)snprintf(to, room, " (");
    for (const char *c = choices; *c && n + 4 < room; c++)
        n += (size_t)snprintf(to + n, room - n, wide && *c == '|' ? ", " : "%c", *c);
    return n + (size_t)snprintf(to + n, room - n, ")");
}

static void print_option(FILE *out, const cli_option *o)
{
    char head[128], about[1024], name[64];
    head_of(o, head, sizeof head);
    indent_to(out, fprintf(out, "%s", head), INDENT);
    size_t n = (size_t)snprintf(about, sizeof about, "%s", o->about);
    if (o->choices && n < sizeof about)
        n += add_choices(o->choices, about + n, sizeof about - n);
    for (size_t i = 1; n < sizeof about && cli_name_at(o->names, i, name); i++)
        n += (size_t)snprintf(about + n, sizeof about - n, "%s%s", i == 1 ? "; also " : ", ", name);
    if (n < sizeof about && (o->type == O_IGNORED || o->type == O_IGNORED_FLAG))
        snprintf(about + n, sizeof about - n, "; accepted, without effect here");
    wrap(out, about, INDENT, INDENT);
}

void cli_help_command(const cli_command *c, FILE *out)
{
    char usage[256];
    snprintf(usage, sizeof usage, "usage: cseg %s %s [options]", c->name, c->arguments);
    wrap(out, usage, 0, 4);
    fputc('\n', out);
    wrap(out, c->about, 0, 0);
    if (c->details) {
        fputc('\n', out);
        wrap(out, c->details, 0, 0);
    }
    fprintf(out, "\noptions:\n");
    for (const cli_option *o = c->options; o->names; o++)
        print_option(out, o);
    fprintf(out, "  --quiet%*sonly warnings and errors\n", INDENT - 9, "");
    fprintf(out, "  --verbose%*smore of what goes on within\n", INDENT - 11, "");
    fprintf(out, "  -h, --help%*sthis text\n", INDENT - 12, "");
}

void cli_help(FILE *out)
{
    wrap(out, "usage: cseg COMMAND [arguments] [options]", 0, 4);
    fputc('\n', out);
    wrap(out, "Semantic segmentation from MMSegmentation's own config files and checkpoints.", 0, 0);
    fprintf(out, "\ncommands:\n");
    for (const cli_command *const *c = cli_commands(); *c; c++) {
        indent_to(out, fprintf(out, "  %s", (*c)->name), COMMANDS);
        wrap(out, (*c)->about, COMMANDS, COMMANDS);
    }
    fputc('\n', out);
    wrap(out, "cseg COMMAND --help tells more about each. Exit codes: 0 done, 1 failed, 2 wrong usage.", 0, 0);
}
