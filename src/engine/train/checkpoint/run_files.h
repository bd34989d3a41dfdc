/* Lists the files of a run, whose names follow the rules of saving, and reads this list from a checkpoint. Whatever a
 * checkpoint says, a run removes and replaces only files with such names in its own folder. */
#ifndef ENGINE_TRAIN_CHECKPOINT_RUN_FILES_H
#define ENGINE_TRAIN_CHECKPOINT_RUN_FILES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "io/torch/pth.h"

/* A figure of save_best, and the checkpoint with its best value. */
typedef struct run_best {
    const char *figure; /* mIoU, val/mIoU; NULL: "auto", until the figures are known */
    bool greater;       /* a greater value is better */
    bool has_score;
    double score;
    const char *file; /* file name in the folder of checkpoints; NULL: none */
} run_best;

typedef struct run_files {
    VEC(const char *) kept; /* names of checkpoints, oldest first; max_keep_ckpts limits their number */
    run_best *best;         /* [n_best], for experiment_checkpoint.save_best */
    int n_best;
} run_files;

/* Return whether a name is one that saving gives: iter_N.pth or epoch_N.pth; of_best: best_FIGURE_iter_N.pth or
 * best_FIGURE_epoch_N.pth, where slashes and control characters of a figure are underscores. */
bool run_files_is_saved(const char *name);
bool run_files_is_best(const char *name, const char *figure);
char *run_files_best_name(const char *figure, bool by_epoch, int64_t n, arena *mem); /* NULL: out of memory */

/* Writes into a checkpoint: our own list, mmengine's message_hub.runtime_info, and mmcv's meta.hook_msgs. The latter
 * two name files with `out_dir`, as in MMSegmentation. ids: NULL, or the word before the numbers of the files that
 * mmengine shall remove later, "iter" or "epoch". */
void run_files_save(const run_files *f, pth_builder *b, pth_value *own);
void run_files_save_hub(const run_files *f, const char *out_dir, const char *ids, pth_builder *b, pth_value *info);
pth_value *run_files_hook_msgs(const run_files *f, const char *out_dir, pth_builder *b);
/* Reads from a checkpoint, also MMSegmentation's: the best values of the figures in f->best and, only if the checkpoint
 * at `path` lies in out_dir, the names of files beside it (elsewhere they belong to another run). Paths are cut to
 * names; names that saving does not give are dropped. */
cseg_status run_files_load(run_files *f, const pickle_node *root, const char *path, const char *out_dir, arena *mem,
                           cseg_error *err);

#endif
