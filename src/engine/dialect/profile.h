/* How the reference behaves that a config is written for, where its releases differ and no key of the config decides.
 * Each dialect has one profile; who comes after the dialects asks for a fact by its name.
 *
 *     const experiment_profile *of = data;
 *     if (of->validates_last)
 *         printf("the last iteration is validated\n");
 */
#ifndef ENGINE_DIALECT_PROFILE_H
#define ENGINE_DIALECT_PROFILE_H

#include "data/rules.h"

/* Where a checkpoint's file has what a run remembers. */
typedef struct checkpoint_layout {
    const char *config_key, *name_key; /* of meta: the config's text, its file's name */
    const char *time_format;           /* of meta.time, as strftime takes it */
    bool hook_messages;     /* the best checkpoints stand in meta.hook_msgs; else in a message_hub beside meta */
    bool classes_in_meta;   /* meta.CLASSES and meta.PALETTE; else meta.dataset_meta */
    bool counts_from_one;   /* meta.epoch of a run that counts iterations is the present one, from 1; else 0 */
    bool averages_in_model; /* moving averages are buffers ema_* of state_dict; else ema_state_dict holds the other
                             * weights */
    bool marked;            /* the file last_checkpoint names the newest one */
} checkpoint_layout;

struct group_rules; /* engine/train/optim/optimizer.h */
struct log_format;  /* engine/train/log/run_log.h */
struct optimizer;   /* these: engine/train/schedule/schedule.h */
struct schedule_time;
struct schedule;

typedef struct experiment_profile {
    const char *reference;  /* the release of MMSegmentation */
    const data_rules *data; /* of datasets and pipelines */
    const struct log_format *log;
    const struct group_rules *groups; /* of paramwise_cfg */
    /* A schedule_reader, of experiment.rates and momenta. */
    cseg_status (*schedules)(const value *rates, const value *momenta, struct optimizer *o,
                             const struct schedule_time *t, arena *mem, struct schedule **out, cseg_error *err);
    bool average_over_pixels; /* losses with class weights; model_options says how */
    bool tta_is_a_pipeline; /* test-time augmentation needs the config's tta_pipeline; else the test pipeline changes */
    bool measures_on_request; /* tests measure what they are asked for by name; else what the evaluators say */
    bool tests_have_folders;  /* each test's figures in a folder of their own; else beside each other, with the config's
                               * name in them */
    bool validates_from_begin; /* the interval counts from where validation begins; else from 0 */
    bool validates_last;       /* at the end of the run too */
    checkpoint_layout checkpoint;
    /* For messages: how a config says it. */
    struct {
        const char *batch_size;
        const char *drop_last; /* of training */
        const char *same_size; /* of the images of a batch; NULL: by what every pipeline has */
    } words;
} experiment_profile;

#endif
