/* Finds the weights in a TorchScript program, as OpenAI publishes CLIP: the pickle holds the module with its
 * attributes, of which some are tensors and some are modules again. Its code is not looked at. */
#include <string.h>

#include "base/str.h"
#include "io/torch/pth_file.h"

/* Modules may stand in several places, so that a small file can describe a tree without end. */
enum { DEEPEST = 64, MOST_ATTRIBUTES = 100000, LONGEST_NAME = 1000 };

typedef struct walk {
    pth *p;
    size_t seen;
    cseg_error *err;
} walk;

static cseg_status add(walk *w, const pickle_node *n, const char *name)
{
    pth_tensor t;
    TRY(pth_read_tensor(w->p, n, name, &t, w->err));
    return vec_push(w->p->mem, &w->p->tensors, t) ? CSEG_OK : fail_memory(w->err);
}

static cseg_status walk_module(walk *w, const pickle_node *module, const char *prefix, int depth)
{
    const pickle_node *attributes = module->object.state;
    if (!attributes || attributes->kind != PICKLE_DICT)
        return CSEG_OK;
    for (size_t i = 0; i + 1 < attributes->seq.n; i += 2) {
        const pickle_node *v = attributes->seq.at[i + 1];
        const char *key = pickle_str(attributes->seq.at[i]);
        if (!key || !v || v->kind != PICKLE_OBJECT)
            continue;
        if (++w->seen > MOST_ATTRIBUTES || depth == DEEPEST || strlen(prefix) + strlen(key) > LONGEST_NAME)
            return fail(w->err, CSEG_CORRUPT, "%s: its modules have no end at '%.200s'", w->p->path, prefix);
        const char *name = arena_printf(w->p->mem, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (!name)
            return fail_memory(w->err);
        TRY(pth_is_tensor(v) ? add(w, v, name) : walk_module(w, v, name, depth + 1));
    }
    return CSEG_OK;
}

cseg_status pth_list_script(pth *p, cseg_error *err)
{
    walk w = {.p = p, .err = err};
    if (p->root->kind == PICKLE_OBJECT)
        TRY(walk_module(&w, p->root, "", 0));
    if (p->tensors.n == 0)
        return fail(err, CSEG_UNSUPPORTED, "%s: is a TorchScript program without weights, not a checkpoint", p->path);
    return pth_sort_names(p, err);
}
