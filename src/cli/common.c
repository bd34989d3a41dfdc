#include "cli/common.h"

#include "io/raster/raster.h"

cseg_status common_config(const char *path, const str_list *overrides, arena *mem, value **out, cseg_error *err)
{
    TRY(config_load(path, mem, out, err));
    for (size_t i = 0; i < overrides->n; i++)
        TRY(config_override(*out, overrides->at[i], mem, err));
    return CSEG_OK;
}

void common_allow_remote(bool asked)
{
    if (asked)
        raster_allow_remote();
}
