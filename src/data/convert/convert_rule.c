/* Applies a converter's rules: finds the members that one names, and plans what becomes of them. */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <string.h>

#include "base/file.h"
#include "data/convert/convert_plan.h"

/* What macOS and file managers put into folders and archives. */
static bool is_litter(const char *name)
{
    const char *base = path_base(name);
    return base[0] == '.' || str_starts(name, "__MACOSX/") || strstr(name, "/__MACOSX/") ||
           strcmp(base, "Thumbs.db") == 0;
}

static bool fits(const convert_rule *r, const char *pattern, const char *name)
{
    bool deep = str_starts(pattern, "**");
    if (fnmatch(pattern + (deep ? 1 : 0), name, deep ? 0 : FNM_PATHNAME) != 0 || is_litter(name))
        return false;
    return (!r->with || strstr(name, r->with)) && (!r->without || !strstr(name, r->without));
}

/* The first of the patterns "a|b" that any member fits, whatever `with` says. */
static const char *pattern_for(const convert_rule *r, const archive *a, arena *mem)
{
    const char *second = strchr(r->members, '|');
    if (!second)
        return r->members;
    char *first = arena_strndup(mem, r->members, (size_t)(second - r->members));
    const convert_rule any = {.members = first};
    for (size_t i = 0; first && i < a->n; i++)
        if (fits(&any, first, a->members[i].name))
            return first;
    return first ? second + 1 : NULL;
}

static cseg_status add_member(convert_plan *p, const convert_rule *r, const archive *a, const archive_member *m,
                              cseg_error *err)
{
    const char *name = r->name ? r->name(m->name, p->mem) : path_base(m->name), *to = r->to;
    if (!name)
        return fail_memory(err);
    if (r->split)
        to = arena_printf(p->mem, "%s/%s", r->to, r->split(name));
    return convert_add(p, a, m, r->form, to, name, err);
}

static cseg_status apply_to(convert_plan *p, const convert_rule *r, const archive *a, int64_t *found, cseg_error *err)
{
    const char *pattern = pattern_for(r, a, p->mem);
    if (!pattern)
        return fail_memory(err);
    for (size_t i = 0; i < a->n; i++) {
        if (!fits(r, pattern, a->members[i].name))
            continue;
        int64_t at = (*found)++;
        if (at >= r->from && (!r->until || at < r->until))
            TRY(add_member(p, r, a, &a->members[i], err));
    }
    return CSEG_OK;
}

cseg_status convert_apply(convert_plan *p, const convert_rule *rule, cseg_error *err)
{
    const char *const *paths;
    size_t n;
    int64_t found = 0;
    TRY(convert_source(p, rule->source, &paths, &n, err));
    for (size_t i = 0; i < n; i++) {
        const archive *a;
        const char *path = rule->under ? path_join(p->mem, paths[i], rule->under) : paths[i];
        if (!path)
            return fail_memory(err);
        TRY(convert_open(p, path, &a, err));
        TRY(apply_to(p, rule, a, &found, err));
    }
    int64_t taken = found > rule->until && rule->until ? rule->until - rule->from : found - rule->from;
    const char *source = p->c->sources[rule->source];
    const char *what =
        arena_printf(p->mem, "%s %s%s%s%s%s", rule->form->is_mask ? "masks" : "images", *source ? source : "",
                     *source ? ": " : "", rule->under ? rule->under : "", rule->under ? "/" : "", rule->members);
    if (!what)
        return fail_memory(err);
    convert_count(p, what, taken > 0 ? taken : 0, rule->count);
    return CSEG_OK;
}
