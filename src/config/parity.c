#include "config/parity.h"

#include <string.h>

#include "base/file.h"
#include "config/value_internal.h"

char *config_parity_path(const char *name, const char *root, arena *mem)
{
    return root && !file_exists(name) ? path_join(mem, root, name) : arena_strdup(mem, name);
}

static char *quoted(arena *mem, const char *text)
{
    const value v = {.kind = V_STR, .as.str = {text, strlen(text)}};
    return value_json(mem, &v, 0);
}

cseg_status config_parity_line(const char *name, const char *root, arena *mem, char **line, bool *good, cseg_error *err)
{
    cseg_error reason = {0};
    value *cfg = NULL;
    char *path = config_parity_path(name, root, mem);
    if (!path)
        return fail_memory(err);
    cseg_status status = config_load(path, mem, &cfg, &reason);
    if (status == CSEG_NO_MEMORY)
        return fail_memory(err);
    *good = status == CSEG_OK;
    const char *version = *good && config_dialect_of(cfg) == DIALECT_0X ? "0.30.0" : "1.2.2";
    char *shown = quoted(mem, name), *body = *good ? value_json(mem, cfg, 0) : quoted(mem, reason.text);
    *line = shown && body ? arena_printf(mem, "{\"config\": %s, \"mmseg\": \"%s\", \"%s\": %s}", shown, version,
                                         *good ? "resolved" : "error", body)
                          : NULL;
    return *line ? CSEG_OK : fail_memory(err);
}
