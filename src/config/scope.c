#include "config/scope.h"

#include <stdio.h>
#include <string.h>

typedef struct package {
    const char *name;
    type_scope is;
} package;

/* NULL: none that is known. */
static const package *find_package(const char *name, size_t n)
{
    static const package known[] = {{"mmseg", SCOPE_MMSEG},
                                    {"opencd", SCOPE_OPENCD},
                                    {"mmengine", SCOPE_ROOT},
                                    {"mmcv", SCOPE_ROOT},
                                    {"torch", SCOPE_TORCH},
                                    {"mmdet", SCOPE_FOREIGN | SCOPE_MMDET},
                                    {"mmpretrain", SCOPE_FOREIGN | SCOPE_MMPRETRAIN},
                                    {"mmcls", SCOPE_FOREIGN | SCOPE_MMCLS}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == n && memcmp(known[i].name, name, n) == 0)
            return &known[i];
    return NULL;
}

static type_scope scope_named(const char *name, size_t n)
{
    const package *p = find_package(name, n);
    return p ? p->is : SCOPE_FOREIGN;
}

bool scope_is_openmmlabs(const char *module)
{
    const package *p = find_package(module, strcspn(module, "."));
    return p && p->is != SCOPE_TORCH;
}

const char *scope_strip(const char *type)
{
    const char *first = strchr(type, '.');
    if (!first || scope_named(type, (size_t)(first - type)) & SCOPE_FOREIGN)
        return type;
    return strrchr(type, '.') + 1;
}

type_scope scope_of(const value *dict)
{
    const char *type = value_text(value_get(dict, "type")), *beside = value_text(value_get(dict, "_scope_"));
    const char *dot = type ? strchr(type, '.') : NULL;
    if (dot)
        return scope_named(type, (size_t)(dot - type));
    return beside ? scope_named(beside, strlen(beside)) : SCOPE_UNSAID;
}

const char *scope_full_name(const value *dict, char out[static 160])
{
    const char *type = value_text(value_get(dict, "type")), *beside = value_text(value_get(dict, "_scope_"));
    const char *dot = type ? strchr(type, '.') : NULL, *from = dot ? type : beside;
    size_t n = !from ? 0 : dot ? (size_t)(dot - type) : strlen(beside);
    if (!type)
        type = "(no type)";
    if (!from)
        snprintf(out, 160, "%s", type);
    else if (n == strlen("mmcls") && memcmp(from, "mmcls", n) == 0)
        snprintf(out, 160, "mmpretrain.%s", dot ? dot + 1 : type);
    else
        snprintf(out, 160, "%.*s.%s", (int)n, from, dot ? dot + 1 : type);
    return out;
}

cseg_status scope_check_default(const value *cfg, cseg_error *err)
{
    char place[512];
    const value *v = value_get(cfg, "default_scope");
    const char *name = value_text(v);
    if (value_is_none(v) || (name && (scope_named(name, strlen(name)) & (SCOPE_MMSEG | SCOPE_OPENCD))))
        return CSEG_OK;
    return fail(err, CSEG_UNSUPPORTED,
                "%sdefault_scope=%s%s%s: names without a scope would be that project's, but here are mmseg's (and "
                "Open-CD's, opencd); if the config's are too, set default_scope='mmseg'",
                value_place(v, place), name ? "'" : "", name ? name : value_kind_name(v), name ? "'" : "");
}

type_scope scope_default(const value *cfg)
{
    const char *name = value_text(value_get(cfg, "default_scope"));
    return name ? scope_named(name, strlen(name)) & (SCOPE_MMSEG | SCOPE_OPENCD) : 0;
}
