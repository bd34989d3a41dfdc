#include "engine/dialect/unread.h"

#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "engine/dialect/dialect.h"

/* The keys that a dialect looks for. */
typedef struct names {
    const char *const *at;
    size_t n;
} names;

static names names_of(const dialect *d)
{
    names known = {.at = d->names};
    while (known.at[known.n])
        known.n++;
    return known;
}

static bool has(names known, const char *name)
{
    for (size_t i = 0; i < known.n; i++)
        if (strcmp(known.at[i], name) == 0)
            return true;
    return false;
}

/* Short names are similar to everything. */
static const char *slip_of(names known, const char *name)
{
    enum { SHORT = 6, SLIPS = 2 };
    const char *near = strlen(name) < SHORT ? NULL : str_nearest(name, known.at, known.n);
    return near && str_distance(name, near) <= SLIPS ? near : NULL;
}

void unread_warn_names(const experiment *e)
{
    names known = names_of(e->dialect), others = names_of(e->dialect->other);
    char place[512];
    for (size_t i = 0; i < e->cfg->as.dict.n; i++) {
        const char *name = e->cfg->as.dict.entry[i].key;
        const char *near = has(known, name) || has(others, name) ? NULL : slip_of(known, name);
        if (near)
            log_say(LOG_WARNING,
                    "%s'%s' is taken for a variable of the config's own, which changes nothing by itself; "
                    "is '%s' meant?",
                    value_place(e->cfg->as.dict.entry[i].item, place), name, near);
    }
}

const char *unread_first_name(const char *override, arena *mem)
{
    return arena_strndup(mem, override, strcspn(override, ".[="));
}

/* Two of them are read if something else is missing. */
static bool reads_variable(const experiment *e, const char *name)
{
    return strcmp(name, "test_pipeline") == 0 && !e->test.dataset && !e->val.dataset;
}

void unread_warn_override(const experiment *e, const char *override, bool was_there)
{
    names known = names_of(e->dialect), others = names_of(e->dialect->other);
    const char *name = unread_first_name(override, e->mem);
    if (!name || has(known, name) || reads_variable(e, name))
        return;
    if (has(others, name))
        log_say(LOG_WARNING,
                "--cfg-options %s has no effect: '%s' is a key of MMSegmentation %s, and this config is written as for "
                "%s",
                override, name, e->dialect->other->version, e->dialect->version);
    else if (was_there)
        log_say(LOG_WARNING,
                "--cfg-options %s does not reach the model or the data%s: '%s' is a variable of the config's own, and "
                "what is made of it was made when the file was read; name the keys that are to change (cseg config "
                "prints them all)",
                override,
                strcmp(name, "crop_size") == 0 ? " (windows of scenes and cseg model's default size follow it)" : "",
                name);
    else if (!slip_of(known, name)) /* otherwise unread_warn_names reports it */
        log_say(LOG_WARNING, "--cfg-options %s has no effect: no part of the program looks for '%s'", override, name);
}
