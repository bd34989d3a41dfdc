/* Writes completion scripts for shells, from the tables that parsing and help use too. */
#include <string.h>

#include "cli/options.h"

static void print_names(FILE *out, const cli_command *c)
{
    char name[64];
    for (const cli_option *o = c->options; o->names; o++)
        for (size_t i = 0; cli_name_at(o->names, i, name); i++)
            fprintf(out, "%s ", name);
    fputs("--quiet --verbose --help", out);
}

static void print_commands(FILE *out)
{
    for (const cli_command *const *c = cli_commands(); *c; c++)
        fprintf(out, "%s%s", c == cli_commands() ? "" : " ", (*c)->name);
}

static void print_words(FILE *out, const char *choices)
{
    for (; *choices; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

static void bash(FILE *out)
{
    fputs("# bash completion of cseg: eval \"$(cseg completion bash)\"\n_cseg() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options choices\n"
          "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W \"",
          out);
    print_commands(out);
    fputs("\" -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", out);
    for (const cli_command *const *c = cli_commands(); *c; c++) {
        fprintf(out, "    %s)\n        options=\"", (*c)->name);
        print_names(out, *c);
        fputs("\"\n        case $before in\n", out);
        for (const cli_option *o = (*c)->options; o->names; o++)
            if (o->choices) {
                fprintf(out, "        %s) choices=\"", o->names);
                print_words(out, o->choices);
                fputs("\" ;;\n", out);
            }
        fputs("        esac ;;\n", out);
    }
    fputs("    esac\n"
          "    if [ -n \"$choices\" ]; then\n        COMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n"
          "    elif [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
          "    else\n        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
          "complete -o filenames -F _cseg cseg\n",
          out);
}

/* Single quotes and brackets would end the string or list around them. */
static void print_quoted(FILE *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *s))
            fprintf(out, "\\%c", *s);
        else
            fputc(*s, out);
    }
}

static void zsh(FILE *out)
{
    fputs("#compdef cseg\n# zsh completion of cseg: put it as _cseg into a folder of $fpath\n_cseg() {\n"
          "    if (( CURRENT == 2 )); then\n        local -a commands=(\n",
          out);
    for (const cli_command *const *c = cli_commands(); *c; c++) {
        fprintf(out, "            '%s:", (*c)->name);
        print_quoted(out, (*c)->about);
        fputs("'\n", out);
    }
    fputs("        )\n        _describe command commands\n        return\n    fi\n    case $words[2] in\n", out);
    for (const cli_command *const *c = cli_commands(); *c; c++) {
        fprintf(out, "    %s) _arguments", (*c)->name);
        for (const cli_option *o = (*c)->options; o->names; o++) {
            char name[64];
            for (size_t i = 0; cli_name_at(o->names, i, name); i++) {
                fprintf(out, " \\\n        '%s[", name);
                print_quoted(out, o->about);
                fputs("]", out);
                if (o->choices) {
                    fputs(":value:(", out);
                    print_words(out, o->choices);
                    fputs(")", out);
                } else if (o->type != O_FLAG && o->type != O_IGNORED_FLAG) {
                    fputs(":value:_files", out);
                }
                fputs("'", out);
            }
        }
        fputs(" \\\n        '*:file:_files' ;;\n", out);
    }
    fputs("    esac\n}\n_cseg \"$@\"\n", out);
}

static void fish(FILE *out)
{
    fputs("# fish completion of cseg: cseg completion fish > ~/.config/fish/completions/cseg.fish\n", out);
    for (const cli_command *const *c = cli_commands(); *c; c++) {
        fprintf(out, "complete -c cseg -n __fish_use_subcommand -a %s -d '", (*c)->name);
        print_quoted(out, (*c)->about);
        fputs("'\n", out);
        for (const cli_option *o = (*c)->options; o->names; o++) {
            char name[64];
            for (size_t i = 0; cli_name_at(o->names, i, name); i++) {
                fprintf(out, "complete -c cseg -n '__fish_seen_subcommand_from %s' -l %s", (*c)->name, name + 2);
                if (o->type != O_FLAG && o->type != O_IGNORED_FLAG)
                    fputs(" -r", out);
                if (o->choices) {
                    fputs(" -a '", out);
                    print_words(out, o->choices);
                    fputs("'", out);
                }
                fputs(" -d '", out);
                print_quoted(out, o->about);
                fputs("'\n", out);
            }
        }
    }
}

cseg_status cli_completion(const char *shell, FILE *out, cseg_error *err)
{
    if (strcmp(shell, "bash") == 0)
        bash(out);
    else if (strcmp(shell, "zsh") == 0)
        zsh(out);
    else if (strcmp(shell, "fish") == 0)
        fish(out);
    else
        return fail(err, CSEG_USAGE, "no completion for the shell '%s': there are bash, zsh and fish", shell);
    return CSEG_OK;
}
