/* Finds the weights in a checkpoint, and their names. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/torch/pth_file.h"

/* The keys under which trainers put a state dict: mmengine, mmcv and Lightning in the first; timm, DeiT, Swin, BEiT,
 * MAE and Detectron2 in the second. Averages (model_ema, state_dict_ema) beside it are not read, as the reference does
 * not read them. */
static const char *const wrappers[] = {"state_dict", "model", "model_state_dict", "model_state", "net", "network"};

/* A dict, or an instance of a subclass of one. */
static const pickle_node *pairs_of(const pickle_node *n)
{
    n = n && n->kind == PICKLE_OBJECT && n->object.pairs ? n->object.pairs : n;
    return n && n->kind == PICKLE_DICT ? n : NULL;
}

static bool holds_tensors(const pickle_node *dict)
{
    const pickle_node *d = pairs_of(dict);
    for (size_t i = 1; d && i < d->seq.n; i += 2)
        if (pth_is_tensor(d->seq.at[i]))
            return true;
    return false;
}

static const pickle_node *find_dict(const pickle_node *root)
{
    const pickle_node *named = pickle_get(root, wrappers[0]);
    if (named || holds_tensors(root))
        return named ? named : root;
    for (size_t i = 1; i < sizeof wrappers / sizeof *wrappers; i++)
        if (holds_tensors(pickle_get(root, wrappers[i])))
            return pickle_get(root, wrappers[i]);
    return root;
}

/* Lists the keys whose dicts hold tensors, "'teacher', 'student'", if the root itself holds none. */
static void list_holders(const pickle_node *root, strbuf *to)
{
    const pickle_node *d = pairs_of(root);
    for (size_t i = 0; d && i + 1 < d->seq.n && to->n < 200; i += 2)
        if (pickle_str(d->seq.at[i]) && holds_tensors(d->seq.at[i + 1]))
            strbuf_addf(to, "%s'%.60s'", to->n ? ", " : "", pickle_str(d->seq.at[i]));
}

static cseg_status refuse(const pth *p, const pickle_node *n, cseg_error *err)
{
    return fail(err, CSEG_CORRUPT, "%s: holds %s%s%.100s, no state dict; save the model's state_dict()", p->path,
                pickle_kind_name(n->kind), n->type ? " of class " : "", n->type ? n->type->global.name : "");
}

static cseg_status check_holders(const pth *p, cseg_error *err)
{
    strbuf names = {.mem = p->mem};
    list_holders(p->root, &names);
    if (names.failed)
        return fail_memory(err);
    return names.n ? fail(err, CSEG_CORRUPT,
                          "%s: its weights are in none of the places where a state dict is looked for (itself, "
                          "'state_dict', 'model'), but under %s: save the right one of them alone with torch.save",
                          p->path, names.text)
                   : CSEG_OK;
}

typedef struct numbered {
    const char *name;
    size_t number;
} numbered;

static int compare(const void *a, const void *b)
{
    const numbered *x = a, *y = b;
    int order = x->name == y->name ? 0 : strcmp(x->name, y->name);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* Of pairs with one key a dict keeps the last, so the last one counts. */
static cseg_status list_names(pth *p, const pickle_node *dict, numbered **out, size_t *count, cseg_error *err)
{
    numbered *all = ARENA_ARRAY(p->mem, dict->seq.n / 2, numbered);
    size_t n = 0, kept = 0;
    if (!all)
        return fail_memory(err);
    for (size_t i = 0; i + 1 < dict->seq.n; i += 2)
        if (pickle_str(dict->seq.at[i]))
            all[n++] = (numbered){pickle_str(dict->seq.at[i]), i + 1};
    qsort(all, n, sizeof *all, compare);
    for (size_t i = 0; i < n; i++)
        if ((i + 1 == n || strcmp(all[i].name, all[i + 1].name) != 0) && pth_is_tensor(dict->seq.at[all[i].number]))
            all[kept++] = all[i];
    *out = all;
    *count = kept;
    return CSEG_OK;
}

static int compare_number(const void *a, const void *b)
{
    size_t x = ((const numbered *)a)->number, y = ((const numbered *)b)->number;
    return (x > y) - (x < y);
}

static int compare_tensor(const void *a, const void *b)
{
    return strcmp((*(const pth_tensor *const *)a)->name, (*(const pth_tensor *const *)b)->name);
}

cseg_status pth_sort_names(pth *p, cseg_error *err)
{
    size_t n = p->tensors.n;
    p->by_name = ARENA_ARRAY(p->mem, n, const pth_tensor *);
    if (!p->by_name)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        p->by_name[i] = &p->tensors.at[i];
    qsort(p->by_name, n, sizeof *p->by_name, compare_tensor);
    for (size_t i = 1; i < n; i++)
        if (strcmp(p->by_name[i - 1]->name, p->by_name[i]->name) == 0)
            return fail(err, CSEG_CORRUPT, "%s: has two tensors called '%.200s'", p->path, p->by_name[i]->name);
    return CSEG_OK;
}

cseg_status pth_list_tensors(pth *p, cseg_error *err)
{
    const pickle_node *found = find_dict(p->root), *dict = pairs_of(found);
    numbered *names;
    size_t n;
    if (!dict)
        return refuse(p, found, err);
    TRY(list_names(p, dict, &names, &n, err));
    qsort(names, n, sizeof *names, compare_number);
    if (!vec_reserve_(p->mem, (void **)&p->tensors.at, 0, &p->tensors.cap, n + 1, sizeof(pth_tensor)))
        return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        TRY(pth_read_tensor(p, dict->seq.at[names[i].number], names[i].name, &p->tensors.at[i], err));
    p->tensors.n = n;
    TRY(pth_sort_names(p, err));
    return n == 0 && found == p->root ? check_holders(p, err) : CSEG_OK;
}
