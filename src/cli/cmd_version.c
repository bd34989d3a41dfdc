#include "backend/backends.h"
#include "cli/options.h"

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    (void)options;
    (void)args;
    (void)mem;
    (void)err;
    char computing[64];
    printf("cseg %s (%s)\n", CSEG_VERSION, backend_cpu_describe(computing));
    return CSEG_OK;
}

static const cli_option options[] = {{.names = NULL}};
const cli_command command_version = {.name = "version",
                                     .arguments = "",
                                     .about = "print the version, and what computes on this machine",
                                     .options = options,
                                     .size = 1,
                                     .run = run};
