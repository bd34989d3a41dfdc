#include "cli/options.h"

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    (void)options;
    (void)args;
    (void)mem;
    (void)err;
    printf("cseg %s\n", CSEG_VERSION);
    return CSEG_OK;
}

static const cli_option options[] = {{.names = NULL}};
const cli_command command_version = {
    .name = "version", .arguments = "", .about = "print the version", .options = options, .size = 1, .run = run};
