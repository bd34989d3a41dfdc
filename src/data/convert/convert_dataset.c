/* Plans a conversion, runs its jobs on threads, and writes its lists. */
#define _GNU_SOURCE
#include "data/convert/convert_dataset.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/convert/convert_make.h"

#define CONVERTER(name) extern const converter converter_##name;
#include "data/convert/converters.h"
#undef CONVERTER

static const converter *const converters[] = {
#define CONVERTER(name) &converter_##name,
#include "data/convert/converters.h"
#undef CONVERTER
};
enum { N_CONVERTERS = sizeof converters / sizeof *converters };

static cseg_status find(const char *name, const converter **out, cseg_error *err)
{
    const char *names[N_CONVERTERS];
    for (size_t i = 0; i < N_CONVERTERS; i++) {
        names[i] = converters[i]->name;
        *out = converters[i];
        if (strcmp(name, names[i]) == 0)
            return CSEG_OK;
    }
    const char *near = str_nearest(name, names, N_CONVERTERS);
    return fail(err, CSEG_USAGE, "there is no dataset '%s'%s%s%s; cseg convert --help lists them", name,
                near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

size_t convert_in_place(const char *name)
{
    const converter *c;
    size_t n = 0;
    if (find(name, &c, NULL) == CSEG_OK && c->out)
        while (c->sources[n])
            n++;
    return n;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

typedef struct pool {
    const convert_options *o;
    const convert_job *jobs;
    int64_t n, next, done, failed; /* failed: the first job that did, or n */
    bool stopped;
    convert_report report;
    cseg_error error;
    pthread_mutex_t lock;
} pool;

static cseg_status run_one(const pool *p, const convert_job *j, convert_task *t, arena *mem, cseg_error *err)
{
    *t = (convert_task){.job = j, .o = p->o, .mem = mem};
    cseg_status status = mem ? convert_run_job(t, err) : fail_memory(err);
    arena_free(mem);
    return status;
}

static void note(pool *p, const convert_job *j, const convert_task *t, cseg_status status)
{
    p->report.kept += t->kept;
    *(j->form->is_mask ? &p->report.masks : &p->report.images) += t->written;
    p->done += status == CSEG_OK;
    if (p->o->progress)
        p->o->progress(p->o->progress_arg, p->done, p->n);
}

static void *work(void *arg)
{
    pool *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stopped && p->next < p->n && p->next < p->failed) {
        cseg_error error;
        convert_task t;
        int64_t i = p->next++;
        pthread_mutex_unlock(&p->lock);
        cseg_status status = run_one(p, &p->jobs[i], &t, arena_new(), &error);
        pthread_mutex_lock(&p->lock);
        note(p, &p->jobs[i], &t, status);
        if (status != CSEG_OK && status != CSEG_INTERRUPTED && i < p->failed) {
            p->failed = i;
            p->error = error;
        }
        p->stopped |= status == CSEG_INTERRUPTED;
        p->stopped |= p->o->stop && p->o->stop(p->o->stop_arg);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static cseg_status run_all(const convert_plan *plan, convert_report *out, cseg_error *err)
{
    enum { MOST_THREADS = 1024 };
    pthread_t threads[MOST_THREADS];
    int started = 0, n = plan->o->threads < 1 ? 1 : plan->o->threads > MOST_THREADS ? MOST_THREADS : plan->o->threads;
    pool p = {.o = plan->o, .jobs = plan->jobs.at, .n = (int64_t)plan->jobs.n, .failed = (int64_t)plan->jobs.n};
    pthread_mutex_init(&p.lock, NULL);
    while (started < n - 1 && pthread_create(&threads[started], NULL, work, &p) == 0)
        started++;
    work(&p); /* this thread helps, and suffices if the system gives no others */
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&p.lock);
    *out = p.report;
    if (p.failed < p.n)
        return fail(err, p.error.code, "%-s", p.error.text);
    if (p.stopped && p.done < p.n)
        return fail(err, CSEG_INTERRUPTED,
                    "stopped after %lld of %lld sources; what is written stays, and the same command goes on",
                    (long long)p.done, (long long)p.n);
    return CSEG_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static cseg_status choose_output(convert_plan *p, cseg_error *err)
{
    const char *below = p->c->out;
    if (p->o->out)
        p->out = p->o->out;
    else if (!below)
        return fail(err, CSEG_USAGE, "%s: where to? Name a folder behind the source, or give --out_dir", p->c->name);
    else
        p->out = *below ? path_join(p->mem, p->o->sources[0], below) : p->o->sources[0];
    return p->out ? CSEG_OK : fail_memory(err);
}

/* Where members are searched at any depth, the next run would take the output for sources. */
static cseg_status check_place(const convert_plan *p, cseg_error *err)
{
    char *source = p->c->apart ? realpath(p->o->sources[0], NULL) : NULL, *at = NULL;
    const char *path = p->out;
    while (source && path && !(at = realpath(path, NULL)) && strcmp(path, "/") != 0 && strcmp(path, ".") != 0)
        path = path_dir(p->mem, path);
    size_t n = source ? strlen(source) : 0;
    bool inside = at && source && strncmp(at, source, n) == 0 && (at[n] == '/' || at[n] == 0);
    free(source);
    free(at);
    return inside
               ? fail(err, CSEG_USAGE, "%s: lies in the source, %s; name a folder beside it", p->out, p->o->sources[0])
               : CSEG_OK;
}

static cseg_status make_folders(const convert_plan *p, cseg_error *err)
{
    TRY(dir_create(p->out, err));
    for (const char *at = p->c->folders; at && *at;) {
        size_t n = strcspn(at, "|");
        char *name = arena_strndup(p->mem, at, n), *path = name ? path_join(p->mem, p->out, name) : NULL;
        if (!path)
            return fail_memory(err);
        TRY(dir_create(path, err));
        at += n + (at[n] == '|');
    }
    return CSEG_OK;
}

/* Refuses options that mean nothing for this dataset, and fills in what was not given. */
static cseg_status fill_defaults(const converter *c, convert_options *o, cseg_error *err)
{
    const struct {
        const char *name;
        bool given, known;
    } all[] = {{"--clip_size", o->clip_size != 0, c->clip != 0},
               {"--stride_size", o->stride_size != 0, c->clip != 0},
               {"--patch_width", o->patch_width != 0, c->cuts_patches},
               {"--patch_height", o->patch_height != 0, c->cuts_patches},
               {"--overlap_area", o->has_overlap, c->cuts_patches},
               {"--gt-dir", o->gt_dir != NULL, c->has_gt_dir}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].given && !all[i].known)
            return fail(err, CSEG_USAGE, "%s means nothing for %s; leave it out", all[i].name, c->name);
    o->gt_dir = o->gt_dir ? o->gt_dir : "gtFine";
    o->clip_size = o->clip_size ? o->clip_size : c->clip;
    o->stride_size = o->stride_size ? o->stride_size : 256;
    o->patch_width = o->patch_width ? o->patch_width : 896;
    o->patch_height = o->patch_height ? o->patch_height : 896;
    o->overlap = o->has_overlap ? o->overlap : 384;
    if (o->overlap >= o->patch_width || o->overlap >= o->patch_height)
        return fail(err, CSEG_USAGE, "--overlap_area %lld must be smaller than a patch (%lld x %lld)",
                    (long long)o->overlap, (long long)o->patch_width, (long long)o->patch_height);
    return CSEG_OK;
}

cseg_status convert_dataset(const convert_options *o, arena *mem, convert_report *out, cseg_error *err)
{
    convert_options full = *o;
    convert_plan p = {.o = &full, .mem = mem};
    *out = (convert_report){0};
    TRY(find(o->name, &p.c, err));
    TRY(fill_defaults(p.c, &full, err));
    if (full.n_sources == 0)
        return fail(err, CSEG_USAGE, "%s: its source is missing: %s", p.c->name, p.c->about);
    TRY(choose_output(&p, err));
    TRY(check_place(&p, err));
    TRY(convert_make_plan(&p, err));
    TRY(make_folders(&p, err));
    cseg_status status = run_all(&p, out, err);
    out->out = p.out;
    return status == CSEG_OK && p.c->finish ? p.c->finish(&p, err) : status;
}
