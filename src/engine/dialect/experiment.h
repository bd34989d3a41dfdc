/* What a config asks for, independent of its dialect.
 *
 *     experiment *run;
 *     const char *changes[] = {"model.decode_head.num_classes=2"};
 *     TRY(experiment_load("configs/fcn.py", changes, 1, mem, &run, err));
 *     printf("%" PRId64 " images a batch\n", run->train.batch_size);
 */
#ifndef ENGINE_DIALECT_EXPERIMENT_H
#define ENGINE_DIALECT_EXPERIMENT_H

#include "config/config.h"
#include "data/loader/loader.h"
#include "data/metrics.h"
#include "engine/dialect/profile.h"

/* One of train, val, test. */
typedef struct experiment_data {
    const value *dataset; /* a dict or a list of dicts; NULL: no data */
    int64_t batch_size, workers;
    bool drop_last;
    loader_order order;
    int64_t limit; /* batches in an epoch; 0: all */
} experiment_data;

typedef enum { PHASE_TRAIN, PHASE_VAL } phase;
typedef struct experiment_phase {
    phase mode;
    int64_t n; /* iterations or epochs */
} experiment_phase;

typedef struct experiment_interval {
    int64_t begin, every;
} experiment_interval;

typedef struct experiment_checkpoint {
    bool on;
    int64_t begin, interval; /* at every interval-th from begin on; interval below 1: only at the last */
    bool by_epoch;
    int64_t max_keep;                              /* -1: all */
    bool save_last, save_optimizer, save_schedule; /* save_schedule: param_schedulers */
    bool link;                                     /* latest.pth links to the newest */
    const char *out_dir;                           /* NULL: the work dir */
    const char **save_best;                        /* names of figures whose best checkpoint is kept, or only "auto" */
    int n_best;
    const char **rules; /* "greater" or "less", one for all figures or one each; n_rules 0: by the figures' names */
    int n_rules;
    const char **greater_keys, **less_keys; /* parts of names that decide the rule; n 0: MMSegmentation's */
    int n_greater, n_less;
} experiment_checkpoint;

/* An evaluator: what it measures, and the names of its figures. */
typedef struct experiment_evaluation experiment_evaluation;
struct experiment_evaluation {
    const char **metrics; /* mIoU, mDice, mFscore */
    int n_metrics;
    double beta;
    bool has_nan_to_num;
    double nan_to_num;
    const char *prefix; /* before the figures' names, "val" for val/mIoU; NULL: none */
    metrics_style style;
    bool has_ignore_index;
    int64_t ignore_index; /* of labels; if the evaluator has none, the dataset's */
    bool format_only;     /* computes no figures */
    const char *output_dir;
    /* SCDMetric: the maps of both dates are measured too, together; their figures have this prefix. */
    bool semantic;
    const char *semantic_prefix; /* NULL: none */
    bool cal_sek;
    const char *refused;         /* why it cannot be measured here; NULL: it can */
    experiment_evaluation *next; /* the next evaluator; NULL: none. Only the first one has refused and output_dir */
};

/* WARMED: the share is raised to the power of the interval, and is smaller in the first iterations. */
typedef enum { EMA_EXPONENTIAL, EMA_ANNEALED, EMA_EXP_MOMENTUM, EMA_STOCHASTIC, EMA_WARMED } ema_kind;
typedef struct experiment_ema {
    bool on;
    bool shown;          /* evaluated and saved in place of the weights */
    bool between_epochs; /* only at the end of epochs */
    ema_kind kind;
    bool update_buffers; /* running statistics are averaged too */
    double momentum;     /* share of the new value in the average */
    int64_t interval, gamma, begin_iter, begin_epoch;
    int64_t warm_up; /* EMA_WARMED: iterations with a smaller share */
} experiment_ema;

typedef struct experiment {
    arena *mem;
    const char *path; /* of the config file */
    const value *cfg;
    const struct dialect *dialect; /* for this folder only; other code reads facts, such as those of profile */
    const experiment_profile *profile;

    const value *model, *train_cfg, *test_cfg; /* train_cfg, test_cfg: those at the top level, or NULL */
    const value *preprocessor;                 /* data_preprocessor, or NULL */
    const value *tta_pipeline;                 /* or NULL */
    experiment_data train, val, test;

    const value *optimizer, *paramwise, *constructor;
    const struct group_rules *groups;             /* of the constructor; NULL: it is not known here */
    const char *optimizer_refused;                /* why training refuses the optimizer; NULL: it does not */
    double clip_norm, clip_norm_type, clip_value; /* 0: off */
    int64_t accumulate;                           /* iterations in a step; at least 1 */
    bool amp;                                     /* Fp16OptimizerHook or AmpOptimWrapper: trains in mixed precision */
    bool val_bf16, test_bf16;                     /* bfloat16 in validation and in tests */
    const value *fp16_unused;                     /* an fp16= without effect on training, or NULL */
    double lr_scale;                              /* of auto_scale_lr if that is enabled; else 1 */
    const value *rates, *momenta;                 /* input of profile->schedules, or NULL */

    bool by_epoch;
    int64_t max;                  /* iterations or epochs */
    experiment_phase workflow[8]; /* often with training only */
    int n_workflow;
    experiment_interval validate[8]; /* sorted by begin; every 0: never */
    int n_validate;
    bool validate_by_epoch;
    experiment_evaluation val_eval, test_eval;

    experiment_checkpoint checkpoint;
    experiment_ema ema;
    struct {
        bool on;
        const char *monitor, *rule;
        int64_t patience;
        double min_delta, threshold; /* threshold: a value beyond it ends the run; NaN: none */
        bool check_finite;           /* a value that is NaN or infinite ends the run */
    } stopping;
    struct {
        int64_t interval;       /* iterations between lines */
        int64_t name_every;     /* iterations between lines with the experiment's name */
        bool by_epoch;          /* lines count in epochs: by default as the run does */
        bool ignore_last;       /* no line for the iterations left over at the end of an epoch */
        bool figures_by_epoch;  /* TensorBoard has figures of evaluations at their epoch, if the run counts in epochs */
        const value *processor; /* log_processor, which selects and averages figures; or NULL */
        bool tensorboard;
    } log;

    const char *load_from, *resume_from;
    bool resume; /* from the last checkpoint in the work dir */
    bool has_seed;
    int64_t seed;
    bool deterministic;
    const char *work_dir;
    const value *revise_keys;      /* for load_from, or NULL */
    const char *adapt_in_channels; /* for load_from and pretrained weights, or NULL */
    double opacity;                /* of classes painted over images, in (0, 1] */
} experiment;

/* Reads the config at `path` with overrides ("key=value"). Logs warnings for keys that have no effect here. *out is in
 * `mem`. */
cseg_status experiment_load(const char *path, const char *const *overrides, int n_overrides, arena *mem,
                            experiment **out, cseg_error *err);
/* Reads only what a config says of its model and optimizer (profile, train_cfg, test_cfg, optimizer, paramwise,
 * constructor, groups); all else is zero. For configs that are not whole experiments. */
void experiment_begin(const value *cfg, experiment *out);
/* Changes a config as test-time augmentation does in the dialect where it is not a pipeline of its own. */
cseg_status experiment_augment(value *cfg, arena *mem, cseg_error *err);
/* Reads a config that is resolved already. */
cseg_status experiment_read(const value *cfg, const char *path, arena *mem, experiment **out, cseg_error *err);

/* The dataset whose dict names the classes: the innermost of test, else of validation, else of training. NULL: there is
 * none. */
const value *experiment_meta(const experiment *e);
/* Fails with CSEG_CONFIG because there is no data for `part` (train, val, test); also says so if the config has it
 * under the other dialect's key. */
cseg_status experiment_no_data(const experiment *e, const char *part, cseg_error *err);

#endif
