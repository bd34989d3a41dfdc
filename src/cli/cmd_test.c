/* cseg test: does what MMSegmentation's tools/test.py does, in both dialects. */
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/inputs.h"
#include "cli/interrupt.h"
#include "cli/pictures.h"
#include "cli/results.h"
#include "cli/terminal.h"
#include "engine/evaluate/evaluate.h"
#include "engine/infer/input_watch.h"
#include "engine/setup/build.h"
#include "engine/setup/weights.h"
#include "engine/train/check_data.h"
#include "engine/train/check_halves.h"
#include "io/image/image_watch.h"

typedef struct test_args {
    str_list cfg_options, eval_options, eval;
    const char *work_dir, *out, *show_dir, *backend, *precision, *bands;
    double opacity;
    int64_t threads;
    bool aug_test, format_only, show, tta, allow_remote;
} test_args;

/* All that the test of one config needs, and what is written during it. */
typedef struct tester {
    const test_args *o;
    arena *mem;
    experiment *e;
    model *m;
    backend *b;
    predictor *p;
    preprocessor pre;
    input_watch watch;
    dataset *ds;
    loader *l;
    results *pickle;     /* --out FILE.pkl */
    const char *png_dir; /* --out DIR, --format-only: maps as PNG */
    size_t common;       /* length of the folder that all images are in */
} tester;

static bool augmented(const test_args *o)
{
    return o->aug_test || o->tta;
}

static cseg_status load_experiment(const test_args *o, const char *path, arena *mem, experiment **out, cseg_error *err)
{
    value *cfg;
    TRY(config_load(path, mem, &cfg, err));
    for (size_t i = 0; i < o->cfg_options.n; i++)
        TRY(config_override(cfg, o->cfg_options.at[i], mem, err));
    if (augmented(o))
        TRY(experiment_augment(cfg, mem, err));
    TRY(common_set_bands(cfg, o->bands, mem, err));
    TRY(experiment_read(cfg, path, mem, out, err));
    if (o->work_dir)
        (*out)->work_dir = o->work_dir;
    return CSEG_OK;
}

/* The value of KEY=VALUE in --eval-options; NULL: none. */
static const char *eval_option(const test_args *o, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < o->eval_options.n; i++)
        if (strncmp(o->eval_options.at[i], key, n) == 0 && o->eval_options.at[i][n] == '=')
            return o->eval_options.at[i] + n + 1;
    return NULL;
}

static void choose_outputs(tester *t)
{
    const test_args *o = t->o;
    experiment_evaluation *how = &t->e->test_eval;
    for (experiment_evaluation *one = how; one; one = one->next) {
        if (o->eval.n) {
            one->metrics = o->eval.at;
            one->n_metrics = (int)o->eval.n;
        }
        one->format_only |= o->format_only;
    }
    t->png_dir = how->output_dir;
    if (o->out && !str_ends(o->out, ".pkl") && !str_ends(o->out, ".pickle"))
        t->png_dir = o->out;
    else if (eval_option(o, "imgfile_prefix"))
        t->png_dir = eval_option(o, "imgfile_prefix");
    else if (!evaluators_measure(how) && !t->png_dir)
        t->png_dir = ".format_results";
}

static cseg_status check_wishes(const test_args *o, const experiment *e, cseg_error *err)
{
    if (o->format_only && o->eval.n)
        return fail(err, CSEG_USAGE, "--eval and --format-only exclude each other");
    bool wanted = o->out || o->eval.n || o->format_only || o->show || o->show_dir;
    if (e->profile->measures_on_request && !wanted)
        return fail(err, CSEG_USAGE, "nothing to do: give --eval, --out, --format-only or --show-dir");
    if (o->show)
        log_say(LOG_WARNING, "--show opens no window here; --show-dir DIR writes the pictures");
    return CSEG_OK;
}

/* The folder that all images have in common. The paths of pictures below --out repeat what lies below this folder. */
static void find_common_folder(tester *t)
{
    const char *first = dataset_item_at(t->ds, 0).name;
    t->common = (size_t)(path_base(first) - first);
    for (int64_t i = 1; i < dataset_count(t->ds); i++) {
        const char *path = dataset_item_at(t->ds, i).name;
        while (t->common > 0 && strncmp(path, first, t->common) != 0) {
            t->common--;
            while (t->common > 0 && first[t->common - 1] != '/')
                t->common--;
        }
    }
}

/* If no figures are asked for, labels need not exist. */
static bool measures(const tester *t)
{
    return t->e->profile->measures_on_request ? t->o->eval.n > 0 : evaluators_measure(&t->e->test_eval);
}

/* A list of images may name some that lie above its folder; their results must stay below --out. */
static bool leads_up(const char *name)
{
    for (; name; name = strchr(name, '/'), name += name != NULL)
        if (strncmp(name, "..", 2) == 0 && (name[2] == '/' || !name[2]))
            return true;
    return false;
}

static cseg_status plan_outputs(const tester *t, outputs *o, arena *mem, cseg_error *err)
{
    const struct {
        const char *folder, *what;
    } all[] = {{t->png_dir, "the label map of"}, {t->o->show_dir, "the picture of"}};
    for (size_t k = 0; k < 2; k++)
        for (int64_t i = 0; all[k].folder && i < dataset_count(t->ds); i++) {
            const char *source = dataset_item_at(t->ds, i).name, *name = source + t->common;
            if (leads_up(name))
                return fail(err, CSEG_DATA, "%s: its name leads out of %s, where %s it would go", source, all[k].folder,
                            all[k].what);
            char *path = picture_name(all[k].folder, name, ".png", mem);
            if (!path)
                return fail_memory(err);
            TRY(outputs_add(o, path, all[k].what, source, err));
        }
    return t->o->out && t->png_dir != t->o->out ? outputs_add(o, t->o->out, "--out", NULL, err) : CSEG_OK;
}

/* No output may overwrite an input. */
static cseg_status check_outputs(const tester *t, const char *checkpoint, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    arena *mem = arena_new();
    outputs *o = mem ? outputs_new(mem) : NULL;
    if (!o) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(inputs_add_config(o, t->e->cfg, NULL, mem, err));
    TRY_DONE(outputs_add_input(o, t->e->path, "the config", err));
    TRY_DONE(outputs_add_input(o, checkpoint, "the checkpoint", err));
    TRY_DONE(inputs_add_dataset(o, t->ds, err));
    TRY_DONE(plan_outputs(t, o, mem, err));
    status = outputs_check(o, "give another folder or file", err);
done:
    arena_free(mem);
    return status;
}

static cseg_status check_data(const tester *t, cseg_error *err)
{
    data_check c = {.e = t->e,
                    .m = t->m,
                    .pre = &t->pre,
                    .what = "test data",
                    .measured = true,
                    .unlabelled = !measures(t),
                    .how = &t->e->test_eval,
                    .batch_size = 1,
                    .threads = (int)t->o->threads,
                    .stop = interrupt_seen};
    return data_check_run(&c, t->ds, t->mem, err);
}

static cseg_status open_all(tester *t, const char *checkpoint, cseg_error *err)
{
    experiment *e = t->e;
    TRY(build_preprocessor(e, t->mem, &t->pre, err));
    cpu_options how = {.threads = (int)t->o->threads,
                       .deterministic = e->deterministic,
                       .bf16 = t->o->precision ? common_is_bf16(t->o->precision) : e->test_bf16};
    TRY(build_backend(t->o->backend, &how, &t->b, err));
    TRY(build_model(e, t->b, true, &t->m, err));
    TRY(weights_load_from(t->m, checkpoint, NULL, WEIGHTS_EXACT, err));
    TRY(evaluate_open(e, &e->test, &t->pre, augmented(t->o), measures(t), t->mem, &t->ds, &t->l, err));
    if (dataset_pipeline(t->ds))
        TRY(input_watch_open(&t->watch, checkpoint, dataset_pipeline(t->ds), &t->pre, true, err));
    TRY(build_predictor(t->m, t->b, &t->p, err));
    TRY(check_data(t, err));
    if (measures(t)) {
        evaluate_check_classes(model_head_at(t->m, -1), t->ds);
        TRY(check_learned_classes(checkpoint, t->ds, err));
    }
    find_common_folder(t);
    TRY(check_outputs(t, checkpoint, err));
    if (t->o->out && t->png_dir != t->o->out)
        TRY(results_open(t->o->out, t->mem, &t->pickle, err));
    return CSEG_OK;
}

static void close_all(tester *t)
{
    predictor_free(t->p);
    loader_close(t->l);
    model_free(t->m);
    backend_free(t->b);
}

typedef struct sample_at {
    const dataset *ds;
    int64_t index;
} sample_at;

static cseg_status read_picture(void *arg, image_flags flags, image *out, cseg_error *err)
{
    const sample_at *a = arg;
    return dataset_read_image(a->ds, a->index, flags, out, err);
}

static cseg_status write_overlay(const tester *t, int64_t index, const char *path, const image *labels,
                                 const painter *p, cseg_error *err)
{
    image picture = {0};
    sample_at a = {t->ds, index};
    cseg_status status = picture_read_from(read_picture, &a, &picture, err);
    if (status == CSEG_OK)
        status = picture_paint_over(path, &picture, labels, NULL, p, err);
    image_release(&picture);
    return status;
}

static cseg_status write_outputs(const tester *t, const batch_meta *meta, const prediction *out, arena *mem,
                                 cseg_error *err)
{
    dataset_item item = dataset_item_at(t->ds, meta->index);
    const char *name = item.name + t->common;
    const dataset_meta *about = item.meta;
    if (t->pickle)
        TRY(results_add(t->pickle, &out->labels, err));
    if (t->png_dir) {
        char *path = picture_path(t->png_dir, name, ".png", mem, err);
        if (!path)
            return err->code;
        TRY(results_write_png(path, &out->labels, about, err));
    }
    if (t->o->show_dir) {
        const model_head *head = model_head_at(t->m, -1);
        const uint8_t *palette = head->palette ? head->palette : about->palette;
        painter p = {palette, head->palette ? head->num_classes : about->n_classes,
                     t->o->opacity > 0.0 ? t->o->opacity : t->e->opacity};
        char *path = picture_path(t->o->show_dir, name, ".png", mem, err);
        if (!path)
            return err->code;
        TRY(write_overlay(t, meta->index, path, &out->labels, &p, err));
    }
    return CSEG_OK;
}

static cseg_status take_image(void *arg, const batch *b, int64_t at, const prediction *out, int64_t done, int64_t all,
                              cseg_error *err)
{
    tester *t = arg;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    if (dataset_pipeline(t->ds)) {
        input_watch_file(&t->watch, b->metas[at].path);
        input_watch_values(&t->watch, b->img + at * b->h * b->w * b->c, b->h * b->w * b->c);
        input_watch_judge(&t->watch, b->metas[at].path, true);
    }
    cseg_status status = write_outputs(t, &b->metas[at], out, mem, err);
    arena_free(mem);
    progress_show(&(progress){.done = done, .all = all, .what = "test"});
    return status;
}

/* "Iter(test) [101/101]    aAcc: 84.07  mIoU: 41.09 ...", as the reference's log ends. */
static void print_line(const evaluation *v)
{
    printf("Iter(test) [%lld/%lld]  ", (long long)v->images, (long long)v->images);
    for (int64_t i = 0; i < v->n; i++)
        text_fprintf(stdout, "  %s: %.4f", v->entries[i].key, v->entries[i].value);
    printf("  data_time: %.4f  time: %.4f\n", v->data_seconds, v->seconds);
}

static cseg_status print_results(const tester *t, const evaluation *v, cseg_error *err)
{
    bool with_summary = t->e->test_eval.style.summary;
    progress_clear();
    for (int i = 0; i < v->n_parts; i++) {
        const char *classes = metrics_class_table(&v->parts[i].m, t->mem);
        const char *summary = metrics_summary_table(&v->parts[i].m, t->mem);
        if (!classes || !summary)
            return fail_memory(err);
        if (v->parts[i].of.folder)
            text_fprintf(stdout, "\nEvaluateing %s with %lld images now\n", v->parts[i].of.folder,
                         (long long)v->parts[i].of.count);
        printf("per class results:\n%s\n", classes);
        if (with_summary)
            printf("Summary:\n%s\n", summary);
    }
    if (!with_summary)
        print_line(v);
    return CSEG_OK;
}

static cseg_status save_figures(const tester *t, const evaluation *v, cseg_error *err)
{
    char when[32];
    time_t now = time(NULL);
    struct tm at;
    strftime(when, sizeof when, "%Y%m%d_%H%M%S", localtime_r(&now, &at));
    bool folder = t->e->profile->tests_have_folders;
    const char *dir = folder ? arena_printf(t->mem, "%s/%s", t->e->work_dir, when) : t->e->work_dir;
    const char *path =
        !dir     ? NULL
        : folder ? arena_printf(t->mem, "%s/%s.json", dir, when)
                 : arena_printf(t->mem, "%s/eval_%s_scale_%s.json", dir, augmented(t->o) ? "multi" : "single", when);
    if (!path)
        return fail_memory(err);
    TRY(dir_create(dir, err));
    return results_write_json(path, folder ? NULL : t->e->path, v, t->mem, err);
}

static cseg_status run_test(tester *t, cseg_error *err)
{
    experiment_evaluation *how = &t->e->test_eval;
    bool measure = measures(t);
    evaluation v;
    evaluate_options eo = {
        .head = -1, .no_truth = !measure, .how = how, .each = take_image, .arg = t, .stop = interrupt_seen};
    interrupt_watch();
    image_watch_stop(interrupt_seen, NULL);
    TRY(evaluate(t->p, t->m, t->ds, t->l, &eo, t->mem, &v, err));
    progress_clear();
    if (t->pickle)
        TRY(results_commit(t->pickle, err));
    if (!measure)
        return CSEG_OK;
    TRY(print_results(t, &v, err));
    return save_figures(t, &v, err);
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    tester t = {.o = options, .mem = mem};
    common_allow_remote(t.o->allow_remote);
    TRY(load_experiment(t.o, args->at[0], mem, &t.e, err));
    TRY(check_wishes(t.o, t.e, err));
    choose_outputs(&t);
    cseg_status status = open_all(&t, args->at[1], err);
    if (status == CSEG_OK)
        status = run_test(&t, err);
    close_all(&t);
    return status;
}

static const cli_option options[] = {
    {.names = "--eval",
     .type = O_LIST,
     .offset = offsetof(test_args, eval),
     .value = "METRIC",
     .about = "mIoU, mDice, mFscore; 1.x configs: default what test_evaluator says"},
    {.names = "--out",
     .type = O_STR,
     .offset = offsetof(test_args, out),
     .value = "PATH",
     .about = "label maps of all images: FILE.pkl, a list of numpy arrays, or a folder, which gets PNGs"},
    {.names = "--format-only",
     .type = O_FLAG,
     .offset = offsetof(test_args, format_only),
     .about = "write the PNGs that test servers want, without evaluation, to --eval-options imgfile_prefix=DIR or to "
              ".format_results"},
    {.names = "--show-dir",
     .type = O_STR,
     .offset = offsetof(test_args, show_dir),
     .value = "DIR",
     .about = "gets the images with their classes painted over"},
    {.names = "--opacity",
     .type = O_FLOAT,
     .offset = offsetof(test_args, opacity),
     .min = 0.001,
     .max = 1,
     .about = "of the paint, in (0, 1]; default 0.5 (0.x), visualizer.alpha or 0.8 (1.x)"},
    {.names = "--aug-test",
     .type = O_FLAG,
     .offset = offsetof(test_args, aug_test),
     .about = "average over scales and flips (0.x: six scales; 1.x: as --tta)"},
    {.names = "--tta",
     .type = O_FLAG,
     .offset = offsetof(test_args, tta),
     .about = "average over the views of the config's tta_pipeline (0.x: as --aug-test)"},
    {.names = "--work-dir",
     .type = O_STR,
     .offset = offsetof(test_args, work_dir),
     .value = "DIR",
     .about = "gets the figures as JSON; default work_dirs/NAME of the config"},
    OPTION_BANDS(test_args),
    OPTION_CFG(test_args),
    {.names = "--eval-options",
     .type = O_PAIRS,
     .offset = offsetof(test_args, eval_options),
     .value = "KEY=VALUE",
     .about = "0.x: imgfile_prefix=DIR"},
    OPTION_THREADS(test_args),
    OPTION_PRECISION(test_args, "what the config says: fp16= (0.x), test_cfg.fp16 (1.x), else fp32"),
    {.names = "--backend",
     .type = O_STR,
     .offset = offsetof(test_args, backend),
     .choices = "cpu|ref",
     .about = "what computes; ref is slow and for checking"},
    OPTION_ALLOW_REMOTE(test_args),
    {.names = "--show",
     .type = O_FLAG,
     .offset = offsetof(test_args, show),
     .about = "opens no window here: see --show-dir"},
    {.names = "--wait-time", .type = O_IGNORED, .value = "X", .about = "of windows"},
    {.names = "--launcher",
     .type = O_IGNORED,
     .value = "NAME",
     .choices = "none|pytorch|slurm|mpi",
     .about = "one process tests"},
    {.names = "--local_rank|--local-rank", .type = O_IGNORED, .value = "N", .about = "one process tests"},
    {.names = "--gpu-id", .type = O_IGNORED, .value = "N", .about = "the CPU computes"},
    {.names = "--gpu-collect", .type = O_IGNORED_FLAG, .about = "one process tests"},
    {.names = "--tmpdir", .type = O_IGNORED, .value = "DIR", .about = "one process tests"},
    OPTIONS_END,
};
const cli_command command_test = {
    .name = "test",
    .arguments = "CONFIG CHECKPOINT",
    .about = "measure a checkpoint on the config's test data",
    .details =
        "CHECKPOINT is a file of PyTorch's or of cseg, an address, or open-mmlab://NAME. The tables go to standard "
        "output as the reference prints them.",
    .min_args = 2,
    .max_args = 2,
    .computes = true,
    .options = options,
    .size = sizeof(test_args),
    .run = run,
};
