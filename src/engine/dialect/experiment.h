/* What a config asks for, in whichever dialect it is written.
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
    const value *dataset; /* dict or list of dicts; NULL: there is none */
    int64_t batch_size, workers;
    bool drop_last;
    loader_order order;
    int64_t limit; /* batches an epoch; 0: all */
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
    int64_t begin, interval; /* every interval-th from begin on; interval below 1: only the last */
    bool by_epoch;
    int64_t max_keep;                              /* -1: all */
    bool save_last, save_optimizer, save_schedule; /* the last: param_schedulers */
    bool link;                                     /* latest.pth leads to the newest */
    const char *out_dir;                           /* NULL: the work dir */
    const char **save_best; /* the figures whose best checkpoint is kept: names, or "auto" alone */
    int n_best;
    const char **rules; /* "greater" or "less", for all figures or one each; n_rules 0: by the figures' names */
    int n_rules;
    const char **greater_keys, **less_keys; /* parts of names that tell the rule; n 0: the reference's */
    int n_greater, n_less;
} experiment_checkpoint;

/* One evaluator: what is measured, and under which names. */
typedef struct experiment_evaluation experiment_evaluation;
struct experiment_evaluation {
    const char **metrics; /* mIoU, mDice, mFscore */
    int n_metrics;
    double beta;
    bool has_nan_to_num;
    double nan_to_num;
    const char *prefix; /* of the figures' names, "val" for val/mIoU; NULL: none */
    metrics_style style;
    bool has_ignore_index;
    int64_t ignore_index; /* of labels; without one, the dataset's */
    bool format_only;     /* gives no figures */
    const char *output_dir;
    const char *refused;         /* why this cannot be measured here; NULL: it can */
    experiment_evaluation *next; /* a further evaluator; NULL: none. Only the first has refused and output_dir */
};

/* WARMED: the share is raised to the power of the interval, and smaller in the first iterations. */
typedef enum { EMA_EXPONENTIAL, EMA_ANNEALED, EMA_EXP_MOMENTUM, EMA_STOCHASTIC, EMA_WARMED } ema_kind;
typedef struct experiment_ema {
    bool on;
    bool shown;          /* evaluated and saved in the weights' place */
    bool between_epochs; /* shown only where epochs end */
    ema_kind kind;
    bool update_buffers; /* running statistics are averaged too */
    double momentum;     /* share of the new value */
    int64_t interval, gamma, begin_iter, begin_epoch;
    int64_t warm_up; /* EMA_WARMED: iterations whose share is smaller */
} experiment_ema;

typedef struct experiment {
    arena *mem;
    const char *path; /* of the config */
    const value *cfg;
    const struct dialect *dialect; /* for this folder alone; who comes after reads facts, such as those of profile */
    const experiment_profile *profile;

    const value *model, *train_cfg, *test_cfg; /* the last two: those at the top level, or NULL */
    const value *preprocessor;                 /* data_preprocessor, or NULL */
    const value *tta_pipeline;                 /* or NULL */
    experiment_data train, val, test;

    const value *optimizer, *paramwise;
    const char *optimizer_refused;                /* why it cannot be trained with here; NULL: it can */
    double clip_norm, clip_norm_type, clip_value; /* 0: off */
    int64_t accumulate;                           /* iterations a step; at least 1 */
    bool amp;                                     /* Fp16OptimizerHook, AmpOptimWrapper: trains in mixed precision */
    bool val_bf16, test_bf16;                     /* the same of validation and of tests */
    const value *fp16_unused;                     /* an fp16= that training takes no notice of, or NULL */
    double lr_scale;                              /* auto_scale_lr, where it is enabled; else 1 */
    const value *rates, *momenta;                 /* what profile->schedules reads; or NULL */

    bool by_epoch;
    int64_t max;                  /* iterations or epochs */
    experiment_phase workflow[8]; /* often training alone */
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
        double min_delta, threshold; /* threshold: ends the run at once when it is passed; NaN: none */
        bool check_finite;           /* a figure that is no number ends the run */
    } stopping;
    struct {
        int64_t interval;       /* iterations between lines */
        int64_t name_every;     /* iterations between lines that name the experiment */
        bool by_epoch;          /* lines count in epochs: as the run does unless the config says otherwise */
        bool ignore_last;       /* no line for what is left over at the end of an epoch */
        bool figures_by_epoch;  /* figures of evaluations stand at their epoch in TensorBoard, if the run counts in
                                   epochs */
        const value *processor; /* log_processor, how figures become lines; or NULL */
        bool tensorboard;
    } log;

    const char *load_from, *resume_from;
    bool resume; /* from the last checkpoint of the work dir */
    bool has_seed;
    int64_t seed;
    bool deterministic;
    const char *work_dir;
    const value *revise_keys; /* of load_from, or NULL */
    double opacity;           /* of classes painted over images, in (0, 1] */
} experiment;

/* Reads the config at `path` with overrides ("key=value"). Warnings (what is noted but has no effect here) go to the
 * log. *out lives in `mem`. */
cseg_status experiment_load(const char *path, const char *const *overrides, int n_overrides, arena *mem,
                            experiment **out, cseg_error *err);
/* What a config says of its model and optimizer alone (profile, train_cfg, test_cfg, optimizer, paramwise); all else is
 * zero. For configs that need be no whole experiments. */
void experiment_begin(const value *cfg, experiment *out);
/* Changes a config as test-time augmentation does where it is no pipeline of its own. */
cseg_status experiment_augment(value *cfg, arena *mem, cseg_error *err);
/* From a config that is resolved already. */
cseg_status experiment_read(const value *cfg, const char *path, arena *mem, experiment **out, cseg_error *err);

/* CSEG_CONFIG: there is no data for `part` (train, val, test); says so, and where it is written in the other dialect.
 */
cseg_status experiment_no_data(const experiment *e, const char *part, cseg_error *err);

#endif
