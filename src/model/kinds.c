/* The registry of kinds: one list, searched by family and name. */
#include <string.h>

#include "base/str.h"
#include "model/module.h"

#define KIND(family, type, id) extern const kind kind_##id;
#include "model/kinds.h"
#undef KIND

static const kind *const kinds[] = {
#define KIND(family, type, id) &kind_##id,
#include "model/kinds.h"
#undef KIND
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const struct {
    family family;
    const char *name;
} reference_kinds[] = {
#define REFERENCE_KIND(family, type) {FAMILY_##family, #type},
#include "model/reference_kinds.h"
#undef REFERENCE_KIND
};

const char *family_name(family f)
{
    static const char *const names[FAMILY_COUNT] = {"segmentor", "backbone", "neck",          "head",       "loss",
                                                    "sampler",   "part",     "pixel decoder", "interaction"};
    return names[f];
}

const kind *kind_at(size_t i)
{
    return i < KINDS ? kinds[i] : NULL;
}

static const char *last_name(const char *type)
{
    const char *dot = strrchr(type, '.');
    return dot ? dot + 1 : type;
}

/* A type without a scope is the default scope's, which is mmseg or opencd. */
static bool is_in(const kind *k, type_scope in)
{
    unsigned scopes = k->scopes ? k->scopes : (unsigned)SCOPE_MMSEG;
    return (in == SCOPE_UNSAID ? (unsigned)(SCOPE_MMSEG | SCOPE_OPENCD) : (unsigned)in) & scopes;
}

/* Whether mmseg has a kind of that name too. */
static bool name_is_shared(const kind *k)
{
    return k->scopes == SCOPE_OPENCD && kind_find(k->family, SCOPE_MMSEG, k->name, NULL);
}

const char *kind_prefix(const kind *k)
{
    return name_is_shared(k)            ? "opencd."
           : is_in(k, SCOPE_UNSAID)     ? ""
           : is_in(k, SCOPE_MMDET)      ? "mmdet."
           : is_in(k, SCOPE_MMPRETRAIN) ? "mmpretrain."
                                        : "mmcls.";
}

const kind *kind_elsewhere(family f, const char *type)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i]->family == f && strcmp(kinds[i]->name, last_name(type)) == 0)
            return kinds[i];
    return NULL;
}

const kind *kind_find(family f, type_scope in, const char *type, const char **nearest)
{
    const char *known[KINDS];
    size_t n = 0;
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i]->family != f || !is_in(kinds[i], in))
            continue;
        if (strcmp(kinds[i]->name, last_name(type)) == 0)
            return kinds[i];
        known[n++] = kinds[i]->name;
    }
    if (nearest)
        *nearest = str_nearest(last_name(type), known, n);
    return NULL;
}

bool kind_in_reference(family f, const char *type)
{
    for (size_t i = 0; i < sizeof reference_kinds / sizeof *reference_kinds; i++)
        if (reference_kinds[i].family == f && strcmp(reference_kinds[i].name, last_name(type)) == 0)
            return true;
    return false;
}

static const char *const titles[FAMILY_COUNT] = {"Segmentors", "Backbones", "Necks",          "Heads",       "Losses",
                                                 "Samplers",   "Parts",     "Pixel decoders", "Interactions"};

void kinds_document(FILE *out)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        fprintf(out, "%s## %s\n", f ? "\n" : "", titles[f]);
        for (size_t i = 0; i < KINDS; i++) {
            if ((int)kinds[i]->family != f)
                continue;
            fprintf(out, "\n### %s%s\n%s\n\n", kind_prefix(kinds[i]), kinds[i]->name, kinds[i]->about);
            fields_document(kinds[i]->fields, out);
        }
    }
}
