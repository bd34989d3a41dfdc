/* Measures segmentation from histograms: IoU, accuracy, Dice, F-score, precision and recall. Follows mmseg 1.2.2's
 * IoUMetric and 0.30's eval_metrics; both count in the same way.
 *
 *     confusion counts;
 *     TRY(confusion_new(mem, 19, &counts, err));
 *     confusion_add(&counts, (int32_t[]){0, 1, 1}, (int32_t[]){0, 1, 255}, 3, 255);
 *     metrics_options how = {.names = (const char *const[]){"mIoU"}, .n_names = 1};
 *     metrics result;
 *     TRY(metrics_compute(&counts, NULL, &how, mem, &result, err));
 */
#ifndef DATA_METRICS_H
#define DATA_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Pixels by class, over any number of images. All four [n_classes]; the union is predicted + labelled - intersect. */
typedef struct confusion {
    int64_t n_classes;
    int64_t *intersect, *predicted, *labelled;
} confusion;

cseg_status confusion_new(arena *mem, int64_t n_classes, confusion *out, cseg_error *err);

/* Counts n pixels. A pixel whose label is ignore_index counts nowhere. A value that is not a class counts in no
 * histogram, but the other value of the pixel does (as in torch.histc). With one class, histc counts every value, and
 * so does this. */
void confusion_add(confusion *c, const int32_t *predicted, const int32_t *label, int64_t n, int64_t ignore_index);
/* The same for predictions in bytes. */
void confusion_add_u8(confusion *c, const uint8_t *predicted, const int32_t *label, int64_t n, int64_t ignore_index);

enum { METRIC_MIOU = 1, METRIC_MDICE = 2, METRIC_MFSCORE = 4 };
typedef struct metrics_options {
    const char *const *names; /* "mIoU", "mDice", "mFscore", in the order wanted */
    int n_names;
    double beta;      /* of the F-score; 1 weighs precision and recall alike */
    bool replace_nan; /* nan_to_num */
    double nan_value;
} metrics_options;

enum { METRICS_MAX_COLUMNS = 8 };

/* Per-class figures and their means. Figures are per cent, rounded to two decimals as the reference rounds them
 * (single precision, half to even); NaN where a class does not occur. */
typedef struct metrics {
    int64_t n_classes;
    const char *const *classes;
    int n_columns; /* of the class table: IoU, Acc, Dice, Fscore, Precision, Recall */
    const char *columns[METRICS_MAX_COLUMNS];
    float *values[METRICS_MAX_COLUMNS]; /* [n_classes] each */
    float means[METRICS_MAX_COLUMNS];   /* over the classes that are not NaN */
    float aAcc;
} metrics;

/* Computes the figures. `classes` may be NULL: numbers stand for names. CSEG_CONFIG: an unknown metric (with the
 * nearest known one). */
cseg_status metrics_compute(const confusion *c, const char *const *classes, const metrics_options *options, arena *mem,
                            metrics *out, cseg_error *err);

/* The separated kappa coefficient of semantic change detection (Yang et al. 2020, arXiv:2010.05687), per cent: what
 * both maps agree on, without the pixels that are 0 in both, which did not change. NaN: no pixel changed. */
double metrics_sek(const confusion *c);

/* How evaluation tells its figures. All zero: per cent, those of all classes together, without a summary. */
typedef struct metrics_style {
    bool fractions; /* of 1 */
    bool by_class;  /* IoU.CLASS, ... too */
    bool summary;   /* metrics_summary_table is printed below the classes' */
} metrics_style;

/* One figure of the dictionary that evaluation returns: aAcc, mIoU, mAcc, ... */
typedef struct metrics_entry {
    const char *key;
    double value;
} metrics_entry;
/* NULL: out of memory. */
metrics_entry *metrics_entries(const metrics *m, metrics_style style, arena *mem, int64_t *n);

/* Tables as the reference prints them (prettytable in both dialects; 0.x before 0.19 had terminaltables). No newline at
 * the end. NULL: out of memory. */
char *metrics_class_table(const metrics *m, arena *mem);
char *metrics_summary_table(const metrics *m, arena *mem);

#endif
