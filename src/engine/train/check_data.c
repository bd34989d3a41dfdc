#define _DEFAULT_SOURCE
#include "engine/train/check_data.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "data/scan/scan.h"

static int threads_of(const data_check *c)
{
    long n = c->threads > 0 ? c->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

/* Reads the rules of all heads; if measured, of the answering head. */
static cseg_status read_rules(const data_check *c, arena *mem, scan_rule **out, int *n, cseg_error *err)
{
    const model *m = c->m;
    const model_head *answer = model_head_at(m, -1);
    *out = ARENA_ARRAY(mem, m->labels.n + 1, scan_rule);
    *n = 0;
    if (!*out)
        return fail_memory(err);
    for (size_t i = 0; i < m->labels.n; i++) {
        const model_labels *l = &m->labels.at[i];
        bool answers = l->head == answer->head && strcmp(l->key, answer->gt_key) == 0;
        if (!c->measured || answers)
            (*out)[(*n)++] = (scan_rule){.key = l->key,
                                         .head = l->head->name,
                                         .n_labels = l->classes,
                                         .ignore_index = l->ignore_index,
                                         .has_ignored = l->has_ignored,
                                         .ignored = l->ignored};
    }
    return CSEG_OK;
}

/* Each file is valid, but all together they are odd. */
static void warn_content(const data_check *c, const dataset *ds, const scan_report *r, const scan_rule *rules, int n)
{
    enum { NAMED = 6 };
    const dataset_meta *meta = dataset_about(ds);
    int64_t pixels = 0, absent = 0;
    char names[512] = "";
    if (n == 0 || strcmp(rules[0].key, "gt_semantic_seg") != 0 || r->files == 0)
        return;
    for (int64_t i = 0; i < r->n; i++) {
        pixels += r->pixels[i];
        if (r->pixels[i] || i >= meta->n_classes || ++absent > NAMED)
            continue;
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%.60s", used ? ", " : "", meta->classes[i]);
    }
    if (pixels == 0)
        log_say(LOG_WARNING, "%s: every pixel of all %lld label files is ignored: there is nothing to %s", c->what,
                (long long)r->files, c->measured ? "measure" : "learn");
    else if (absent && !c->measured)
        log_say(LOG_WARNING, "%s: no label file has a pixel of %s%s: the model never learns what that looks like",
                c->what, names, absent > NAMED ? " and more" : "");
}

static cseg_status check_labels(const data_check *c, const dataset *ds, arena *mem, cseg_error *err)
{
    scan_rule *rules;
    int n;
    scan_report report;
    char *cache = path_join(mem, c->e->work_dir, "label_scan.cache");
    if (!cache)
        return fail_memory(err);
    TRY(read_rules(c, mem, &rules, &n, err));
    scan_options o = {.rules = rules,
                      .n_rules = n,
                      .measured = c->measured,
                      .has_ignored = c->how && c->how->has_ignore_index,
                      .ignored = c->how ? c->how->ignore_index : 0,
                      .threads = threads_of(c),
                      .cache_file = cache,
                      .stop = c->stop,
                      .stop_arg = c->stop_arg};
    TRY(scan_labels(ds, &o, mem, &report, err));
    log_say(LOG_INFO, "%s: looked at %lld label files (%lld of them known from before)", c->what,
            (long long)report.files, (long long)report.cached);
    warn_content(c, ds, &report, rules, n);
    return CSEG_OK;
}

static cseg_status wanted_maps(const model *m, arena *mem, dataset_wanted **out, cseg_error *err)
{
    *out = ARENA_ARRAY(mem, m->beside.n + 1, dataset_wanted);
    if (!*out)
        return fail_memory(err);
    for (size_t i = 0; i < m->beside.n; i++) {
        const model_beside *b = &m->beside.at[i];
        const char *by = arena_printf(mem, "%s (%s)", b->head->name, b->head->class_name);
        if (!by)
            return fail_memory(err);
        (*out)[i] = (dataset_wanted){.key = b->map.key, .by = by, .maker = b->map.maker};
    }
    return CSEG_OK;
}

static cseg_status check_all(const data_check *c, const dataset *ds, arena *mem, cseg_error *err)
{
    bool truth = c->measured && !c->unlabelled;
    dataset_wanted *wanted;
    TRY(wanted_maps(c->m, mem, &wanted, err));
    dataset_try_options o = {.pre = c->pre,
                             .training = !c->measured,
                             .truth = truth,
                             .batch_size = c->batch_size,
                             .takes = {c->m->in_channels, c->m->dates == 2 ? 2 : 0},
                             .wanted = wanted,
                             .n_wanted = (int)c->m->beside.n,
                             .seed = c->seed};
    TRY(dataset_check_files(ds, truth, err));
    if (!c->unlabelled)
        TRY(check_labels(c, ds, mem, err));
    return dataset_try(ds, &o, err);
}

cseg_status data_check_run(const data_check *c, const dataset *ds, arena *mem, cseg_error *err)
{
    return check_all(c, ds, mem, err) == CSEG_OK ? CSEG_OK : fail_within(err, "%s: ", c->what);
}
