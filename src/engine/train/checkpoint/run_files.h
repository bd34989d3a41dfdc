/* Keeps the list of a run's files, which have the names that saving gives them, and reads the list that a checkpoint
 * has. Whatever a checkpoint says, a run removes and replaces only files of these names in its own folder. */
#ifndef ENGINE_TRAIN_CHECKPOINT_RUN_FILES_H
#define ENGINE_TRAIN_CHECKPOINT_RUN_FILES_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "io/torch/pth.h"

/* A figure that save_best watches, and the checkpoint with its best value. */
typedef struct run_best {
    const char *figure; /* mIoU, val/mIoU; NULL: "auto", before the figures are known */
    bool greater;       /* is better */
    bool has_score;
    double score;
    const char *file; /* its name in the folder of checkpoints; NULL: none */
} run_best;

typedef struct run_files {
    VEC(const char *) kept; /* names of checkpoints, oldest first, of which max_keep_ckpts drops some */
    run_best *best;         /* [n_best], of experiment_checkpoint.save_best */
    int n_best;
} run_files;

/* iter_N.pth or epoch_N.pth; of_best: best_FIGURE_iter_N.pth or best_FIGURE_epoch_N.pth, where a figure's slashes and
 * control characters are underscores. */
bool run_files_is_saved(const char *name);
bool run_files_is_best(const char *name, const char *figure);
char *run_files_best_name(const char *figure, bool by_epoch, int64_t n, arena *mem); /* NULL: out of memory */

/* Into a checkpoint: our own list; mmengine's message_hub.runtime_info; mmcv's meta.hook_msgs. The latter two name
 * files by `out_dir`, as the reference does. ids: NULL, or the word before the numbers of the files that mmengine is to
 * drop in its turn, "iter" or "epoch". */
void run_files_save(const run_files *f, pth_builder *b, pth_value *own);
void run_files_save_hub(const run_files *f, const char *out_dir, const char *ids, pth_builder *b, pth_value *info);
pth_value *run_files_hook_msgs(const run_files *f, const char *out_dir, pth_builder *b);
/* From one, also the reference's: scores of the figures in f->best; and, where the checkpoint at `path` lies in out_dir
 * itself, the names of its neighbours: those of a checkpoint that lies elsewhere are files of another run. Paths are
 * cut to names, and names that saving does not give are dropped. */
cseg_status run_files_load(run_files *f, const pickle_node *root, const char *path, const char *out_dir, arena *mem,
                           cseg_error *err);

#endif
