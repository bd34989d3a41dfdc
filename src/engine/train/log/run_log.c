/* Keeps the log of a run. Follows mmengine's LoggerHook and LocalVisBackend (1.x), and mmcv's TextLoggerHook and
 * TensorboardLoggerHook (0.x). */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/train/log/run_log_internal.h"

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Never overwrites the user's file, if that is in the work dir itself. */
cseg_status run_log_copy_config(const run_log *l, const char *dir, const char *name, cseg_error *err)
{
    char *path = path_join(l->mem, dir, name), *text = value_python(l->mem, l->e->cfg);
    if (!path || !text)
        return fail_memory(err);
    return same_file(path, l->e->path) ? CSEG_OK : file_replace_bytes(path, text, strlen(text), l->mem, err);
}

static const char *processor(arena *mem)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[256];
    const char *name = NULL;
    while (f && !name && fgets(line, sizeof line, f))
        if (str_starts(line, "model name")) {
            const char *colon = strchr(line, ':');
            line[strcspn(line, "\n")] = 0;
            name = colon ? arena_strdup(mem, colon + 2) : NULL;
        }
    if (f)
        fclose(f);
    return name ? name : "unknown";
}

static char *environment(arena *mem, uint64_t seed)
{
    struct utsname u;
    memset(&u, 0, sizeof u);
    uname(&u);
    return arena_printf(mem,
                        "sys.platform: linux\n"
                        "System: %s %s %s\n"
                        "CPU: %s\n"
                        "Processors: %ld\n"
                        "Compiler: %s\n"
                        "cseg: %s\n"
                        "seed: %llu",
                        u.sysname, u.release, u.machine, processor(mem), sysconf(_SC_NPROCESSORS_ONLN), __VERSION__,
                        CSEG_VERSION, (unsigned long long)seed);
}

static cseg_status write_head(run_log *l, uint64_t seed, cseg_error *err)
{
    static const char rule[] = "------------------------------------------------------------";
    const experiment *e = l->e;
    char *about = environment(l->mem, seed), *cfg = value_python(l->mem, e->cfg);
    char *head = about ? arena_printf(l->mem, "Environment info:\n%s\n%s\n%s", rule, about, rule) : NULL;
    char *config = cfg ? arena_printf(l->mem, "Config:\n%s", cfg) : NULL;
    if (!head || !config)
        return fail_memory(err);
    TRY(run_log_file(l, head, err));
    TRY(run_log_file(l, config, err));
    const char *dir = text_harmless(l->mem, e->checkpoint.out_dir ? e->checkpoint.out_dir : e->work_dir);
    return dir ? l->format->begin(l, seed, about, dir, err) : fail_memory(err);
}

static cseg_status keep_config(const run_log *l, cseg_error *err)
{
    const char *base = path_base(l->e->path);
    char *config = arena_printf(l->mem, "%.*s.py", (int)(strlen(base) - strlen(path_ext(base))), base);
    return config ? run_log_copy_config(l, l->e->work_dir, config, err) : fail_memory(err);
}

static void free_arena(void *a)
{
    arena_free(a);
}

cseg_status run_log_open(const experiment *e, uint64_t seed, arena *mem, run_log **out, cseg_error *err)
{
    run_log *l = ARENA_NEW(mem, run_log);
    arena *line_mem = arena_new();
    if (!l || !line_mem || !arena_defer(mem, free_arena, line_mem)) {
        if (!l)
            arena_free(line_mem);
        return fail_memory(err);
    }
    char stem[32];
    struct timespec now = run_log_now();
    struct tm at;
    localtime_r(&now.tv_sec, &at);
    strftime(stem, sizeof stem, "%Y%m%d_%H%M%S", &at);
    *l = (run_log){.e = e,
                   .mem = mem,
                   .line_mem = line_mem,
                   .format = e->profile->log,
                   .every = e->log.interval > 0 ? e->log.interval : 1,
                   .text.fd = -1,
                   .json.fd = -1,
                   .scalars.fd = -1};
    TRY(l->format->rules(l, err));
    TRY(dir_create(e->work_dir, err));
    TRY(keep_config(l, err));
    TRY(l->format->open(l, stem, err));
    *out = l;
    return write_head(l, seed, err);
}

/* ---- what happens ----------------------------------------------------------------------------------------------- */

cseg_status run_log_train(run_log *l, const log_step *s, cseg_error *err)
{
    l->seconds += s->seconds;
    l->counted++;
    l->eta = l->seconds / (double)l->counted * (double)(s->max_iters - s->iter);
    return l->format->train(l, s, err);
}

cseg_status run_log_val_losses(run_log *l, const log_step *s, cseg_error *err)
{
    return l->format->losses ? l->format->losses(l, s, err) : CSEG_OK;
}

static cseg_status write_tables(run_log *l, const evaluation_part *part, arena *mem, cseg_error *err)
{
    const metrics *m = &part->m;
    char *classes = metrics_class_table(m, mem), *summary = metrics_summary_table(m, mem);
    char *first = classes ? arena_printf(mem, "\n%s", classes) : NULL;
    char *second = summary ? arena_printf(mem, "\n%s", summary) : NULL;
    if (!first || !second)
        return fail_memory(err);
    if (part->of.folder) { /* in mmseg's words, for those who search logs for them */
        char *head =
            arena_printf(mem, "\nEvaluateing %s with %lld images now", part->of.folder, (long long)part->of.count);
        if (!head)
            return fail_memory(err);
        TRY(run_log_write(l, head, err));
    }
    TRY(run_log_write(l, "per class results:", err));
    TRY(run_log_write(l, first, err));
    if (!l->e->val_eval.style.summary)
        return CSEG_OK;
    TRY(run_log_write(l, "Summary:", err));
    return run_log_write(l, second, err);
}

cseg_status run_log_evaluation(run_log *l, const log_step *s, const evaluation *v, arena *mem, cseg_error *err)
{
    run_log_begin(l);
    for (int i = 0; i < v->n_parts; i++)
        TRY(write_tables(l, &v->parts[i], mem, err));
    return l->format->evaluation(l, s, v, err);
}

double run_log_eta(const run_log *l)
{
    return l->eta;
}
