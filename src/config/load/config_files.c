/* Lists the files that a finished config comes from. */
#include <string.h>

#include "config/config.h"

enum { DEEPEST = 400 };

typedef struct list {
    arena *mem;
    VEC(const char *) names;
    bool failed;
} list;

static void take(list *l, const char *file)
{
    if (!file)
        return;
    for (size_t i = l->names.n; i-- > 0;)
        if (strcmp(l->names.at[i], file) == 0)
            return;
    l->failed |= !vec_push(l->mem, &l->names, file);
}

static void walk(list *l, const value *v, int depth)
{
    take(l, v->at.file);
    if (depth > DEEPEST)
        return;
    for (size_t i = 0; value_is_list(v) && i < v->as.list.n; i++)
        walk(l, v->as.list.item[i], depth + 1);
    for (size_t i = 0; v->kind == V_DICT && i < v->as.dict.n; i++) {
        walk(l, v->as.dict.entry[i].item, depth + 1);
        for (const value_entry *e = v->as.dict.entry[i].over; e; e = e->over)
            walk(l, e->item, depth + 1);
    }
}

cseg_status config_files(const value *cfg, arena *mem, const char ***files, size_t *n, cseg_error *err)
{
    list l = {.mem = mem};
    walk(&l, cfg, 0);
    if (l.failed)
        return fail_memory(err);
    *files = l.names.at;
    *n = l.names.n;
    return CSEG_OK;
}
