#include "engine/train/check_halves.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "io/net/fetch.h"
#include "io/torch/pth.h"

static void check_class_order(const char *what, const char *const *learned, int64_t n, const dataset_meta *measured)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < measured->n_classes; k++) {
            const char *there = i < measured->n_classes ? measured->classes[i] : "";
            if (i == k || strcmp(learned[i], measured->classes[k]) != 0 || strcmp(learned[i], there) == 0)
                continue;
            log_say(LOG_WARNING,
                    "to %s, class %lld is '%s', which in these data is class %lld: the order of classes differs, and "
                    "figures stand under wrong names",
                    what, (long long)i, learned[i], (long long)k);
            return;
        }
}

/* dataset_meta of mmengine's checkpoints, CLASSES of mmcv's. */
static const pickle_node *classes_of(pth *file)
{
    const pickle_node *meta = pickle_get(pth_root(file), "meta");
    const pickle_node *recent = pickle_get(pickle_get(meta, "dataset_meta"), "classes");
    return recent ? recent : pickle_get(meta, "CLASSES");
}

/* For data with the same classes; others may have any numbering. mmcv's checkpoints do not say. */
static void check_reduced(const char *path, pth *file, const char *const *names, size_t n, const dataset_meta *measured)
{
    const pickle_node *meta = pickle_get(pickle_get(pth_root(file), "meta"), "dataset_meta");
    int64_t learned;
    bool same = (int64_t)n == measured->n_classes && pickle_int(pickle_get(meta, "reduce_zero_label"), &learned);
    for (size_t i = 0; i < n && same; i++)
        same = strcmp(names[i], measured->classes[i]) == 0;
    if (same && (learned != 0) != measured->reduce_zero_label)
        log_say(LOG_WARNING,
                "%s: was trained with reduce_zero_label=%s, and these data have %s: if their files count "
                "as those did, every class is one beside its place",
                path, learned ? "True" : "False", measured->reduce_zero_label ? "True" : "False");
}

cseg_status check_learned_classes(const char *checkpoint, const dataset *measured, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    arena *mem = arena_new();
    char *path;
    pth *file;
    if (!mem)
        return fail_memory(err);
    TRY_DONE(fetch_weights(checkpoint, mem, &path, err));
    TRY_DONE(pth_open(path, mem, &file, err));
    const pickle_node *list = classes_of(file);
    size_t n = pickle_len(list);
    const char **names = ARENA_ARRAY(mem, n + 1, const char *);
    if (!names) {
        status = fail_memory(err);
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        names[i] = pickle_str(pickle_item(list, i));
        if (!names[i])
            names[i] = "";
    }
    check_class_order(path, names, (int64_t)n, dataset_about(measured));
    check_reduced(path, file, names, n, dataset_about(measured));
done:
    arena_free(mem);
    return status;
}

static bool same_names(const dataset_meta *a, const dataset_meta *b)
{
    if (a->n_classes != b->n_classes)
        return false;
    for (int64_t i = 0; i < a->n_classes; i++)
        if (strcmp(a->classes[i], b->classes[i]) != 0)
            return false;
    return true;
}

static void name_label(uint8_t id, const dataset_meta *m, char out[static 64])
{
    if (id == 255)
        strcpy(out, "ignored");
    else if (id < m->n_classes)
        snprintf(out, 64, "class %d (%.40s)", id, m->classes[id]);
    else
        snprintf(out, 64, "class %d", id);
}

/* Other datasets may number the same classes differently in their files. */
static void check_reading(const dataset *train, const dataset *val)
{
    const dataset_meta *a = dataset_about(train), *b = dataset_about(val);
    static const char key[] = "gt_semantic_seg";
    label_reading x, y;
    char to_train[64], to_val[64];
    if (a->rules->steps.loader_reduces && a->reduce_zero_label && dataset_label_reading(train, 0, key, false, &x) &&
        x.seen[0] != 255)
        log_say(LOG_WARNING,
                "reduce_zero_label of the training %s counts for measuring alone: what is learned goes by "
                "LoadAnnotations(reduce_zero_label=True), which its pipeline has not",
                a->kind);
    if (strcmp(a->kind, b->kind) != 0 || !same_names(a, b) || !dataset_label_reading(train, 0, key, false, &x) ||
        !dataset_label_reading(val, 0, key, true, &y))
        return;
    for (int64_t v = 0; v <= a->n_classes && v < 255; v++) {
        if (x.seen[v] == y.seen[v])
            continue;
        name_label(x.seen[v], a, to_train);
        name_label(y.seen[v], b, to_val);
        log_say(LOG_WARNING,
                "%lld in a label file is %s in training and %s where it is measured: reduce_zero_label or the like "
                "differ between the two",
                (long long)v, to_train, to_val);
        return;
    }
}

static void check_normalisation(const dataset *train, const dataset *val)
{
    const pipeline *p = dataset_pipeline(train), *q = dataset_pipeline(val);
    if (!p || !q)
        return;
    const pipeline_info *a = pipeline_describe(p), *b = pipeline_describe(q);
    bool differ = a->norm_n != b->norm_n || (a->norm_n && a->to_rgb != b->to_rgb);
    for (int i = 0; i < a->norm_n && !differ; i++)
        differ = a->mean[i] != b->mean[i] || a->std[i] != b->std[i];
    if (differ)
        log_say(LOG_WARNING, "Normalize differs between the pipelines of training and validation (mean, std, to_rgb, "
                             "or one has none): the model sees other numbers than it learns from");
}

void check_halves(const dataset *train, const dataset *val)
{
    const dataset_meta *a = dataset_about(train);
    check_class_order("training", a->classes, a->n_classes, dataset_about(val));
    check_reading(train, val);
    check_normalisation(train, val);
}
