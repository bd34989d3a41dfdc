#define _GNU_SOURCE
#include "engine/train/checkpoint/run_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* "iter_12.pth" or "epoch_12.pth": no sign, no blank, and a number that saving could have reached. */
bool run_files_is_saved(const char *name)
{
    const char *digits = str_starts(name, "iter_") ? name + 5 : str_starts(name, "epoch_") ? name + 6 : NULL;
    size_t n = digits ? strspn(digits, "0123456789") : 0;
    return n > 0 && n < 19 && strcmp(digits + n, ".pth") == 0;
}

static char file_letter(char c)
{
    return c == '/' || (unsigned char)c < 0x20 || c == 0x7f ? '_' : c;
}

bool run_files_is_best(const char *name, const char *figure)
{
    if (!str_starts(name, "best_"))
        return false;
    name += 5;
    for (; *figure; figure++, name++)
        if (*name != file_letter(*figure))
            return false;
    return *name == '_' && run_files_is_saved(name + 1);
}

char *run_files_best_name(const char *figure, bool by_epoch, int64_t n, arena *mem)
{
    char *name = arena_printf(mem, "best_%s_%s_%lld.pth", figure, by_epoch ? "epoch" : "iter", (long long)n);
    for (char *c = name; c && *c; c++)
        *c = file_letter(*c);
    return name;
}

/* ---- into a checkpoint ------------------------------------------------------------------------------------------ */

void run_files_save(const run_files *f, pth_builder *b, pth_value *own)
{
    pth_value *kept = pth_list(b), *best = pth_list(b);
    for (size_t i = 0; i < f->kept.n; i++)
        pth_add(b, kept, pth_str(b, f->kept.at[i]));
    for (int i = 0; i < f->n_best; i++) {
        const run_best *one = &f->best[i];
        if (!one->figure || !one->has_score)
            continue;
        pth_value *d = pth_dict(b);
        pth_set(b, d, "figure", pth_str(b, one->figure));
        pth_set(b, d, "score", pth_float(b, one->score));
        pth_set(b, d, "file", one->file ? pth_str(b, one->file) : pth_none(b));
        pth_add(b, best, d);
    }
    pth_set(b, own, "kept", kept);
    pth_set(b, own, "bests", best);
}

static pth_value *path_of(pth_builder *b, const char *out_dir, const char *name)
{
    char *path = path_join(b->mem, out_dir, name);
    if (!path)
        b->failed = true;
    return pth_str(b, path ? path : "");
}

/* mmengine: best_score and best_ckpt for one figure; for several, each with _FIGURE appended. */
static void set_of_figure(pth_builder *b, pth_value *info, const char *key, const char *figure, pth_value *v)
{
    char *name = figure ? arena_printf(b->mem, "%s_%s", key, figure) : arena_strdup(b->mem, key);
    if (!name)
        b->failed = true;
    else
        pth_set(b, info, name, v);
}

void run_files_save_hub(const run_files *f, const char *out_dir, const char *ids, pth_builder *b, pth_value *info)
{
    for (int i = 0; i < f->n_best; i++) {
        const run_best *one = &f->best[i];
        const char *figure = f->n_best > 1 ? one->figure : NULL;
        if (one->has_score)
            set_of_figure(b, info, "best_score", figure, pth_float(b, one->score));
        if (one->has_score && one->file)
            set_of_figure(b, info, "best_ckpt", figure, path_of(b, out_dir, one->file));
    }
    if (f->kept.n)
        pth_set(b, info, "last_ckpt", path_of(b, out_dir, f->kept.at[f->kept.n - 1]));
    if (!ids)
        return;
    pth_value *list = pth_list(b);
    for (size_t i = 0; i < f->kept.n; i++)
        if (str_starts(f->kept.at[i], ids))
            pth_add(b, list, pth_int(b, strtoll(strchr(f->kept.at[i], '_') + 1, NULL, 10)));
    pth_set(b, info, "keep_ckpt_ids", list);
}

pth_value *run_files_hook_msgs(const run_files *f, const char *out_dir, pth_builder *b)
{
    pth_value *d = pth_dict(b);
    if (f->kept.n)
        pth_set(b, d, "last_ckpt", path_of(b, out_dir, f->kept.at[f->kept.n - 1]));
    if (f->n_best == 1 && f->best[0].has_score) {
        pth_set(b, d, "best_score", pth_float(b, f->best[0].score));
        if (f->best[0].file)
            pth_set(b, d, "best_ckpt", path_of(b, out_dir, f->best[0].file));
    }
    return d;
}

/* ---- from one --------------------------------------------------------------------------------------------------- */

/* Returns whether the file, with links resolved, is in the folder. */
static bool lies_in(const char *path, const char *dir, arena *mem)
{
    struct stat a, b;
    char *real = realpath(path, NULL);
    char *parent = real ? path_dir(mem, real) : NULL;
    free(real);
    return parent && stat(parent, &a) == 0 && stat(dir, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Returns the file name of a path, or NULL if saving gives no such name. */
static const char *own_name(const pickle_node *n, const char *figure, arena *mem)
{
    const char *text = pickle_str(n), *base = text ? path_base(text) : NULL;
    bool good = base && (figure ? run_files_is_best(base, figure) : run_files_is_saved(base));
    return good ? arena_strdup(mem, base) : NULL;
}

/* Hashes of the names that are listed already: a list may be as long as the file is large. */
typedef struct name_set {
    const char **at; /* [size], a power of two above twice the names */
    size_t size;
} name_set;

static cseg_status name_set_new(name_set *s, size_t n, arena *mem, cseg_error *err)
{
    for (s->size = 16; s->size < 2 * n; s->size *= 2)
        continue;
    s->at = ARENA_ARRAY(mem, s->size, const char *);
    return s->at ? CSEG_OK : fail_memory(err);
}

static cseg_status keep(run_files *f, name_set *known, const char *name, arena *mem, cseg_error *err)
{
    size_t at = (size_t)str_fnv1a64(name, strlen(name)) & (known->size - 1);
    for (; known->at[at]; at = (at + 1) & (known->size - 1))
        if (strcmp(known->at[at], name) == 0)
            return CSEG_OK;
    known->at[at] = name;
    return vec_push(mem, &f->kept, name) ? CSEG_OK : fail_memory(err);
}

/* Our list has names; mmengine's has numbers, for files that are named like this one. */
static cseg_status load_kept(run_files *f, const pickle_node *root, const char *path, arena *mem, cseg_error *err)
{
    const pickle_node *list = pickle_get(pickle_get(root, "cseg"), "kept");
    const pickle_node *info = pickle_get(pickle_get(root, "message_hub"), "runtime_info");
    const pickle_node *ids = list ? NULL : pickle_get(info, "keep_ckpt_ids");
    const char *stem = str_starts(path_base(path), "epoch_") ? "epoch" : "iter";
    name_set known;
    TRY(name_set_new(&known, pickle_len(list) + pickle_len(ids), mem, err));
    for (size_t i = 0; i < pickle_len(list); i++) {
        const char *name = own_name(pickle_item(list, i), NULL, mem);
        if (name)
            TRY(keep(f, &known, name, mem, err));
    }
    for (size_t i = 0; i < pickle_len(ids); i++) {
        int64_t n;
        char *name = NULL;
        if (!pickle_int(pickle_item(ids, i), &n) || n < 0)
            continue;
        name = arena_printf(mem, "%s_%lld.pth", stem, (long long)n);
        if (!name)
            return fail_memory(err);
        TRY(keep(f, &known, name, mem, err));
    }
    return CSEG_OK;
}

static void take(run_best *one, const pickle_node *score, const pickle_node *file, bool neighbours, arena *mem)
{
    if (!pickle_number(score, &one->score))
        return;
    one->has_score = true;
    one->file = neighbours && file ? own_name(file, one->figure, mem) : NULL;
}

/* Reads what cseg wrote, by figure. */
static bool load_own(run_best *one, const pickle_node *own, bool neighbours, arena *mem)
{
    const pickle_node *list = pickle_get(own, "bests");
    for (size_t i = 0; i < pickle_len(list); i++) {
        const pickle_node *d = pickle_item(list, i);
        const char *figure = pickle_str(pickle_get(d, "figure"));
        if (!figure || (one->figure && strcmp(one->figure, figure) != 0))
            continue;
        if (!one->figure && !(one->figure = arena_strdup(mem, figure)))
            return false;
        take(one, pickle_get(d, "score"), pickle_get(d, "file"), neighbours, mem);
        return one->has_score;
    }
    return false;
}

static const pickle_node *of_figure(const pickle_node *info, const char *key, const char *figure, arena *mem)
{
    char *name = arena_printf(mem, "%s_%s", key, figure);
    return name ? pickle_get(info, name) : NULL;
}

/* Reads what the reference wrote, or cseg before figures had names: a score without its figure counts if the file
 * beside it is named after that figure. */
static void load_foreign(run_best *one, const pickle_node *root, bool neighbours, arena *mem)
{
    const pickle_node *own = pickle_get(root, "cseg"), *hub = pickle_get(root, "message_hub");
    const pickle_node *info = pickle_get(hub, "runtime_info"),
                      *msgs = pickle_get(pickle_get(root, "meta"), "hook_msgs");
    const pickle_node *from[] = {own, info, msgs};
    static const char *const scores[] = {"best", "best_score", "best_score"};
    static const char *const files[] = {"best_path", "best_ckpt", "best_ckpt"};
    if (!one->figure)
        return;
    if (of_figure(info, "best_score", one->figure, mem)) {
        take(one, of_figure(info, "best_score", one->figure, mem), of_figure(info, "best_ckpt", one->figure, mem),
             neighbours, mem);
        return;
    }
    for (int i = 0; i < 3 && !one->has_score; i++) {
        const pickle_node *file = pickle_get(from[i], files[i]);
        if (file && own_name(file, one->figure, mem))
            take(one, pickle_get(from[i], scores[i]), file, neighbours, mem);
    }
}

cseg_status run_files_load(run_files *f, const pickle_node *root, const char *path, const char *out_dir, arena *mem,
                           cseg_error *err)
{
    bool neighbours = lies_in(path, out_dir, mem);
    f->kept.n = 0;
    for (int i = 0; i < f->n_best; i++) {
        run_best *one = &f->best[i];
        one->has_score = false;
        one->file = NULL;
        if (!load_own(one, pickle_get(root, "cseg"), neighbours, mem))
            load_foreign(one, root, neighbours, mem);
        /* A best value that is not finite could never be beaten, or by anything. mmengine starts with infinity. */
        if (!one->has_score || isfinite(one->score))
            continue;
        log_say(LOG_WARNING, "%s: its best figure is %g and is forgotten: the next one is the best", path, one->score);
        one->has_score = false;
    }
    return neighbours ? load_kept(f, root, path, mem, err) : CSEG_OK;
}
