/* cseg test: the reference's tools/test.py, of both dialects. */
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "data/visual.h"
#include "engine/evaluate.h"
#include "engine/infer.h"
#include "engine/weights.h"

typedef struct test_args {
    str_list cfg_options, eval;
    const char *work_dir, *out, *show_dir, *backend;
    double opacity;
    int64_t threads;
    bool format_only, tta;
} test_args;

typedef struct session {
    const test_args *o;
    experiment *e;
    arena *mem;
    model *m;
    backend *b;
    predictor *p;
    preprocessor pre;
    dataset *ds;
    loader *l;
    const char *masks; /* folder for index masks, or NULL */
} session;

static const char *stem_of(const char *path, arena *mem)
{
    const char *base = path_base(path);
    return arena_strndup(mem, base, strlen(base) - strlen(path_ext(base)));
}

static cseg_status save_overlay(const session *s, const batch_meta *meta, const prediction *out, const char *stem,
                                arena *mem, cseg_error *err)
{
    const dataset_meta *about = dataset_about(s->ds);
    image img = {0}, over = {0};
    char *path = arena_printf(mem, "%s/%s.png", s->o->show_dir, stem);
    if (!path)
        return fail_memory(err);
    TRY(image_read(meta->path, IMAGE_COLOR, &img, err));
    double opacity = s->o->opacity > 0 ? s->o->opacity : 0.5;
    cseg_status status = visual_overlay(&img, &out->labels, about->palette, about->n_classes, opacity, &over, err);
    if (status == CSEG_OK)
        status = image_write(path, &over, NULL, err);
    image_release(&img);
    image_release(&over);
    return status;
}

/* Ids in 8 bits; reduce_zero_label counts from 1 in files. */
static cseg_status save_mask(const session *s, const batch_meta *meta, const prediction *out, const char *stem, arena *mem,
                             cseg_error *err)
{
    char *path = arena_printf(mem, "%s/%s.png", s->masks, stem);
    image mask = {0};
    if (!path)
        return fail_memory(err);
    TRY(image_convert(&out->labels, out->labels.type == IMAGE_U8 ? IMAGE_U8 : IMAGE_U16, &mask, err));
    if (meta->reduce_zero_label && mask.type == IMAGE_U8)
        for (int64_t i = 0; i < mask.h * mask.w; i++)
            ((uint8_t *)mask.data)[i]++;
    cseg_status status = image_write(path, &mask, NULL, err);
    image_release(&mask);
    return status;
}

static cseg_status each(void *arg, const batch *b, int64_t at, const prediction *out, int64_t done, int64_t all,
                        cseg_error *err)
{
    const session *s = arg;
    progress_show(&(progress){.done = done, .all = all, .what = "test"});
    if (!s->o->show_dir && !s->masks)
        return CSEG_OK;
    arena *mem = arena_new();
    const char *stem = mem ? stem_of(b->metas[at].path, mem) : NULL;
    cseg_status status = stem ? CSEG_OK : fail_memory(err);
    if (status == CSEG_OK && s->o->show_dir)
        status = save_overlay(s, &b->metas[at], out, stem, mem, err);
    if (status == CSEG_OK && s->masks)
        status = save_mask(s, &b->metas[at], out, stem, mem, err);
    arena_free(mem);
    return status;
}

static cseg_status choose_metrics(session *s, cseg_error *err)
{
    static const char *const known[] = {"mIoU", "mDice", "mFscore"};
    const str_list *wanted = &s->o->eval;
    for (size_t i = 0; i < wanted->n; i++) {
        bool good = false;
        for (int k = 0; k < 3; k++)
            good |= strcmp(wanted->at[i], known[k]) == 0;
        if (!good)
            return fail(err, CSEG_USAGE, "--eval knows mIoU, mDice and mFscore, not '%s'", wanted->at[i]);
    }
    if (wanted->n) {
        s->e->test_eval.metrics = wanted->at;
        s->e->test_eval.n_metrics = (int)wanted->n;
    }
    return CSEG_OK;
}

/* --out FILE.json takes the figures, any other --out is a folder of index masks. */
static cseg_status choose_output(session *s, cseg_error *err)
{
    const test_args *o = s->o;
    bool json = o->out && str_ends(o->out, ".json");
    if (o->out && (str_ends(o->out, ".pkl") || str_ends(o->out, ".pickle")))
        return fail(err, CSEG_USAGE, "--out writes figures to a .json file, or index masks into a folder; pickles of "
                    "results are not written");
    if (o->out && !json)
        s->masks = o->out;
    if (o->format_only && !s->masks)
        s->masks = path_join(s->mem, s->e->work_dir, "format_results");
    if (s->masks)
        TRY(dir_create(s->masks, err));
    if (o->show_dir)
        TRY(dir_create(o->show_dir, err));
    return CSEG_OK;
}

static cseg_status open_session(session *s, const char *checkpoint, cseg_error *err)
{
    TRY(choose_metrics(s, err));
    TRY(build_model(s->e, true, &s->m, err));
    TRY(weights_load_from(s->m, checkpoint, NULL, WEIGHTS_EXACT, err));
    TRY(build_preprocessor(s->e, s->mem, &s->pre, err));
    TRY(evaluate_open(s->e, s->e->test.dataset ? &s->e->test : &s->e->val, &s->pre, s->o->tta, s->mem, &s->ds, &s->l, err));
    if (!s->o->format_only)
        TRY(dataset_check_files(s->ds, err));
    TRY(choose_output(s, err));
    TRY(build_backend(s->o->backend, (int)s->o->threads, false, &s->b, err));
    return build_predictor(s->m, s->b, &s->p, err);
}

static cseg_status print_results(const session *s, const evaluation *v, cseg_error *err)
{
    char *classes = metrics_class_table(&v->m, s->mem), *summary = metrics_summary_table(&v->m, s->mem);
    strbuf json = {.mem = s->mem};
    if (!classes || !summary)
        return fail_memory(err);
    printf("per class results:\n\n%s\n\nSummary:\n\n%s\n", classes, summary);
    strbuf_add(&json, "{");
    for (int64_t i = 0; i < v->n; i++) {
        printf("%s%s: %.4f", i ? "  " : "", v->entries[i].key, v->entries[i].value);
        strbuf_addf(&json, "%s\"%s\": %.6g", i ? ", " : "", v->entries[i].key, v->entries[i].value);
    }
    printf("  time: %.4f\n", v->seconds);
    strbuf_add(&json, "}\n");
    if (json.failed)
        return fail_memory(err);
    if (s->o->out && str_ends(s->o->out, ".json"))
        return file_replace_bytes(s->o->out, json.text, json.n, s->mem, err);
    return CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const test_args *o = options;
    session s = {.o = o, .mem = mem};
    TRY(experiment_load(args->at[0], o->cfg_options.at, (int)o->cfg_options.n, mem, &s.e, err));
    if (o->work_dir)
        s.e->work_dir = o->work_dir;
    interrupt_watch();
    evaluation v;
    cseg_status status = open_session(&s, args->at[1], err);
    evaluate_options how = {.head = -1, .no_truth = o->format_only, .how = &s.e->test_eval, .each = each, .arg = &s,
                            .stop = interrupt_seen};
    if (status == CSEG_OK)
        status = evaluate(s.p, s.m, s.ds, s.l, &how, mem, &v, err);
    progress_clear();
    if (status == CSEG_OK && !o->format_only)
        status = print_results(&s, &v, err);
    if (status == CSEG_OK && s.masks)
        printf("index masks: %s\n", s.masks);
    if (status == CSEG_OK && o->show_dir)
        printf("pictures: %s\n", o->show_dir);
    loader_close(s.l);
    predictor_free(s.p);
    model_free(s.m);
    backend_free(s.b);
    return status;
}

static const cli_option options[] = {
    {.names = "--out", .type = O_STR, .offset = offsetof(test_args, out), .value = "PATH",
     .about = "FILE.json takes the figures; a folder takes index masks"},
    {.names = "--eval", .type = O_LIST, .offset = offsetof(test_args, eval), .value = "METRIC",
     .about = "mIoU, mDice, mFscore; default: what the config measures"},
    {.names = "--show-dir", .type = O_STR, .offset = offsetof(test_args, show_dir), .value = "DIR",
     .about = "write pictures of the results over the images"},
    {.names = "--opacity", .type = O_FLOAT, .offset = offsetof(test_args, opacity), .value = "A", .min = 0.01, .max = 1,
     .about = "of the colours in these pictures; default 0.5"},
    {.names = "--format-only", .type = O_FLAG, .offset = offsetof(test_args, format_only),
     .about = "write index masks and measure nothing"},
    {.names = "--tta|--aug-test", .type = O_FLAG, .offset = offsetof(test_args, tta),
     .about = "test-time augmentation: the config's tta_pipeline"},
    {.names = "--work-dir", .type = O_STR, .offset = offsetof(test_args, work_dir), .value = "DIR",
     .about = "where results go that have no other place"},
    OPTION_CFG(test_args),
    OPTION_THREADS(test_args),
    {.names = "--backend", .type = O_STR, .offset = offsetof(test_args, backend), .choices = "cpu|ref",
     .about = "what computes; ref is slow and for checking"},
    {.names = "--launcher", .type = O_IGNORED, .value = "NAME", .about = "accepted: one process tests"},
    {.names = "--local_rank|--local-rank", .type = O_IGNORED, .value = "N", .about = "accepted, as --launcher"},
    {.names = "--gpu-id", .type = O_IGNORED, .value = "N", .about = "accepted: the CPU computes"},
    {.names = "--show", .type = O_IGNORED_FLAG, .about = "accepted: there are no windows; see --show-dir"},
    {.names = "--wait-time", .type = O_IGNORED, .value = "S", .about = "accepted, as --show"},
    {.names = "--gpu-collect", .type = O_IGNORED_FLAG, .about = "accepted: there is one process"},
    {.names = "--tmpdir", .type = O_IGNORED, .value = "DIR", .about = "accepted: there is one process"},
    {.names = "--eval-options", .type = O_IGNORED, .value = "K=V", .about = "accepted: has no effect"},
    OPTIONS_END,
};
const cli_command command_test = {
    .name = "test",
    .arguments = "CONFIG CHECKPOINT",
    .about = "measure a checkpoint on the config's test set",
    .details = "Prints the tables that the reference prints. CHECKPOINT is a file, an address, or open-mmlab://NAME.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .size = sizeof(test_args),
    .run = run,
};
