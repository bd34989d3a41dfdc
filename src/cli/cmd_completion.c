#include "cli/options.h"

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    (void)options;
    (void)mem;
    return cli_completion(args->at[0], stdout, err);
}

static const cli_option options[] = {{.names = NULL}};
const cli_command command_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .about = "print a completion script for bash, zsh or fish",
    .details = "bash:  eval \"$(cseg completion bash)\"\n"
               "zsh:   cseg completion zsh > FOLDER_OF_FPATH/_cseg\n"
               "fish:  cseg completion fish > ~/.config/fish/completions/cseg.fish",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .size = 1,
    .run = run,
};
