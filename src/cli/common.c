#include "cli/common.h"

#include "base/arena.h"
#include "data/transforms/pipeline.h"
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

/* A whole number from 1; moves *text behind it. 0: none. */
static int64_t read_band(const char **text)
{
    int64_t v = 0;
    for (; **text >= '0' && **text <= '9'; ++*text)
        v = v > IMAGE_MAX_CHANNELS ? v : v * 10 + (**text - '0');
    return v > IMAGE_MAX_CHANNELS ? 0 : v;
}

cseg_status common_bands(const char *text, arena *mem, int64_t **bands, size_t *n, cseg_error *err)
{
    VEC(int64_t) list = {0};
    *bands = NULL;
    *n = 0;
    for (const char *at = text; at; at = *at ? at + 1 : NULL) {
        int64_t from = read_band(&at), to = from;
        if (*at == '-') {
            at++;
            to = read_band(&at);
        }
        if (from < 1 || to < from || (*at && *at != ',') || list.n + (size_t)(to - from) >= (size_t)IMAGE_MAX_CHANNELS)
            return fail(err, CSEG_USAGE, "--bands takes numbers from 1 to %lld, as 4,3,2 or 1-4,8, not '%s'",
                        (long long)IMAGE_MAX_CHANNELS, text);
        for (int64_t b = from; b <= to; b++)
            if (!vec_push(mem, &list, b))
                return fail_memory(err);
    }
    *bands = list.at;
    *n = list.n;
    return CSEG_OK;
}

cseg_status common_set_bands(value *cfg, const char *text, arena *mem, cseg_error *err)
{
    int64_t *bands;
    size_t n;
    TRY(common_bands(text, mem, &bands, &n, err));
    return n ? pipeline_set_bands(cfg, bands, n, mem, err) : CSEG_OK;
}
