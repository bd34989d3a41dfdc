/* cseg config: the resolved config, and where its values come from. */
#include "cli/common.h"

typedef struct config_args {
    str_list cfg_options;
    bool json;
    const char *where;
} config_args;

static cseg_status print_where(const value *cfg, const char *key, arena *mem, cseg_error *err)
{
    char *text;
    TRY(config_where(cfg, key, mem, &text, err));
    printf("%s\n", text);
    return CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const config_args *o = options;
    value *cfg;
    TRY(common_config(args->at[0], &o->cfg_options, mem, &cfg, err));
    if (o->where)
        return print_where(cfg, o->where, mem, err);
    const char *text = o->json ? value_json(mem, cfg, 2) : value_python(mem, cfg);
    if (!text)
        return fail_memory(err);
    printf("%s\n", text);
    return CSEG_OK;
}

static const cli_option options[] = {
    OPTION_CFG(config_args),
    {.names = "--json", .type = O_FLAG, .offset = offsetof(config_args, json), .about = "print JSON instead of Python"},
    {.names = "--where",
     .type = O_STR,
     .offset = offsetof(config_args, where),
     .value = "KEY",
     .about = "tell which file and line gave KEY its value, and what it replaced: model.decode_head.num_classes"},
    OPTIONS_END,
};
const cli_command command_config = {
    .name = "config",
    .arguments = "CONFIG",
    .about = "print the resolved config, or where a value comes from",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .size = sizeof(config_args),
    .run = run,
};
