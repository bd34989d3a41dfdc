/* Facts about the MMSegmentation release that a config is written for, where releases differ and no key of the config
 * decides. Each dialect has one profile; code outside of the dialects asks for a fact by its name.
 *
 *     const experiment_profile *of = data;
 *     if (of->validates_last)
 *         printf("the last iteration is validated\n");
 */
#ifndef ENGINE_DIALECT_PROFILE_H
#define ENGINE_DIALECT_PROFILE_H

#include "data/rules.h"

/* Where a checkpoint stores the state of a run. */
typedef struct checkpoint_layout {
    const char *config_key, *name_key; /* keys in meta: the config's text, and its file name */
    const char *time_format;           /* of meta.time, in strftime's format */
    bool hook_messages;     /* true: meta.hook_msgs names the best checkpoints; false: a message_hub beside meta does */
    bool classes_in_meta;   /* true: meta.CLASSES and meta.PALETTE; false: meta.dataset_meta */
    bool counts_from_one;   /* meta.epoch of an iteration-based run is the current one, from 1; else 0 */
    bool averages_in_model; /* true: moving averages are buffers ema_* of state_dict; false: ema_state_dict holds the
                               other weights */
    bool marked;            /* the file last_checkpoint names the newest one */
} checkpoint_layout;

struct group_constructor; /* engine/train/optim/constructor.h */
struct log_format;        /* engine/train/log/run_log.h */
struct optimizer;         /* these: engine/train/schedule/schedule.h */
struct schedule_time;
struct schedule;

typedef struct experiment_profile {
    const char *reference;  /* release of MMSegmentation */
    const data_rules *data; /* of datasets and pipelines */
    const struct log_format *log;
    const struct group_constructor *constructors; /* of the optimizer's groups */
    /* A schedule_reader for experiment.rates and momenta. */
    cseg_status (*schedules)(const value *rates, const value *momenta, struct optimizer *o,
                             const struct schedule_time *t, arena *mem, struct schedule **out, cseg_error *err);
    bool average_over_pixels; /* of losses with class weights; see model_options */
    bool dice_by_class;       /* see model_options */
    bool patches_have_bias;   /* see model_options */
    bool tta_is_a_pipeline; /* true: test-time augmentation needs the config's tta_pipeline; false: the test pipeline is
                               changed */
    bool measures_on_request;  /* true: tests measure what is asked for by name; false: what the evaluators say */
    bool tests_have_folders;   /* true: each test writes its figures into a folder of its own; false: into one folder,
                                  with the config's name in them */
    bool validates_from_begin; /* true: the interval counts from where validation begins; false: from 0 */
    bool validates_last;       /* validates also at the end of the run */
    checkpoint_layout checkpoint;
    /* How a config spells things, for messages. */
    struct {
        const char *batch_size;
        const char *drop_last; /* for training */
        const char *same_size; /* gives the images of a batch one size; NULL: what every pipeline has */
    } words;
} experiment_profile;

#endif
