#include "data/metrics.h"

#include <math.h>
#include <string.h>

#include "base/pairwise_sum.h"
#include "base/text.h"

cseg_status confusion_new(arena *mem, int64_t n_classes, confusion *out, cseg_error *err)
{
    if (n_classes < 1)
        return fail(err, CSEG_CONFIG, "nothing can be measured: the dataset names no classes");
    *out = (confusion){.n_classes = n_classes};
    int64_t *counts = ARENA_ARRAY(mem, 3 * (size_t)n_classes, int64_t);
    if (!counts)
        return fail_memory(err);
    out->intersect = counts;
    out->predicted = counts + n_classes;
    out->labelled = counts + 2 * n_classes;
    return CSEG_OK;
}

/* histc with one bin spans whatever values there are, so all of them fall into it. */
static inline bool bin_of(int64_t n, int32_t value, int64_t *bin)
{
    *bin = n == 1 ? 0 : value;
    return n == 1 || (value >= 0 && value < n);
}

static inline void count(confusion *c, int32_t predicted, int32_t label)
{
    int64_t bin;
    if (bin_of(c->n_classes, predicted, &bin)) {
        c->predicted[bin]++;
        c->intersect[bin] += predicted == label;
    }
    if (bin_of(c->n_classes, label, &bin))
        c->labelled[bin]++;
}

void confusion_add(confusion *c, const int32_t *predicted, const int32_t *label, int64_t n, int64_t ignore_index)
{
    for (int64_t i = 0; i < n; i++)
        if (label[i] != ignore_index)
            count(c, predicted[i], label[i]);
}

void confusion_add_u8(confusion *c, const uint8_t *predicted, const int32_t *label, int64_t n, int64_t ignore_index)
{
    for (int64_t i = 0; i < n; i++)
        if (label[i] != ignore_index)
            count(c, predicted[i], label[i]);
}

/* ---- figures ------------------------------------------------------------------------------------------------- */
/* From here on the reference computes in single precision, and rounds what it prints to two decimals. To give the same
 * digits, every step below is one of its steps. */

/* np.nanmean. `spare` holds n floats. */
static float mean_of_known(const float *x, int64_t n, float *spare)
{
    int64_t known = 0;
    for (int64_t i = 0; i < n; i++) {
        spare[i] = isnan(x[i]) ? 0 : x[i];
        known += !isnan(x[i]);
    }
    /* numpy divides by an integer count in double precision and casts back. */
    return known ? (float)((double)sum_floats(spare, (size_t)n) / (double)known) : NAN;
}

/* np.round(x * 100, 2). 0 / 0 has a sign on some machines, which must not be printed. */
static float per_cent(float x)
{
    return isnan(x) ? NAN : rintf(x * 100.0f * 100.0f) / 100.0f;
}

static cseg_status add_column(metrics *m, const char *name, arena *mem, float **out, cseg_error *err)
{
    for (int i = 0; i < m->n_columns; i++)
        if (strcmp(m->columns[i], name) == 0) { /* Acc comes with IoU and with Dice */
            *out = m->values[i];
            return CSEG_OK;
        }
    *out = ARENA_ARRAY(mem, (size_t)m->n_classes, float);
    if (!*out)
        return fail_memory(err);
    m->columns[m->n_columns] = name;
    m->values[m->n_columns++] = *out;
    return CSEG_OK;
}

static cseg_status add_overlap(const confusion *c, bool dice, arena *mem, metrics *m, cseg_error *err)
{
    float *overlap, *acc;
    TRY(add_column(m, dice ? "Dice" : "IoU", mem, &overlap, err));
    TRY(add_column(m, "Acc", mem, &acc, err));
    for (int64_t i = 0; i < c->n_classes; i++) {
        float both = (float)c->intersect[i];
        int64_t sum = c->predicted[i] + c->labelled[i];
        overlap[i] = dice ? 2 * both / (float)sum : both / (float)(sum - c->intersect[i]);
        acc[i] = both / (float)c->labelled[i];
    }
    return CSEG_OK;
}

static cseg_status add_fscore(const confusion *c, double beta, arena *mem, metrics *m, cseg_error *err)
{
    float *fscore, *precision, *recall;
    float square = (float)(beta * beta), more = (float)(1 + beta * beta);
    TRY(add_column(m, "Fscore", mem, &fscore, err));
    TRY(add_column(m, "Precision", mem, &precision, err));
    TRY(add_column(m, "Recall", mem, &recall, err));
    for (int64_t i = 0; i < c->n_classes; i++) {
        float p = (float)c->intersect[i] / (float)c->predicted[i];
        float r = (float)c->intersect[i] / (float)c->labelled[i];
        precision[i] = p;
        recall[i] = r;
        fscore[i] = more * (p * r) / (square * p + r);
    }
    return CSEG_OK;
}

static cseg_status add_metric(const confusion *c, const char *name, double beta, arena *mem, metrics *m,
                              cseg_error *err)
{
    static const char *const known[] = {"mIoU", "mDice", "mFscore"};
    if (strcmp(name, "mIoU") == 0)
        return add_overlap(c, false, mem, m, err);
    if (strcmp(name, "mDice") == 0)
        return add_overlap(c, true, mem, m, err);
    if (strcmp(name, "mFscore") == 0)
        return add_fscore(c, beta, mem, m, err);
    const char *near = str_nearest(name, known, 3);
    return fail(err, CSEG_CONFIG, "there is no metric '%s'; there are mIoU, mDice and mFscore%s%s%s", name,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static cseg_status name_classes(metrics *m, const char *const *classes, arena *mem, cseg_error *err)
{
    m->classes = classes;
    if (classes)
        return CSEG_OK;
    const char **numbers = ARENA_ARRAY(mem, (size_t)m->n_classes, const char *);
    if (!numbers)
        return fail_memory(err);
    for (int64_t i = 0; i < m->n_classes; i++)
        if (!(numbers[i] = arena_printf(mem, "%lld", (long long)i)))
            return fail_memory(err);
    m->classes = numbers;
    return CSEG_OK;
}

cseg_status metrics_compute(const confusion *c, const char *const *classes, const metrics_options *options, arena *mem,
                            metrics *out, cseg_error *err)
{
    int64_t intersect = 0, labelled = 0;
    *out = (metrics){.n_classes = c->n_classes};
    TRY(name_classes(out, classes, mem, err));
    for (int i = 0; i < options->n_names; i++)
        TRY(add_metric(c, options->names[i], options->beta, mem, out, err));
    for (int64_t i = 0; i < c->n_classes; i++) {
        intersect += c->intersect[i];
        labelled += c->labelled[i];
    }
    float *spare = ARENA_ARRAY(mem, (size_t)c->n_classes, float);
    if (!spare)
        return fail_memory(err);
    float all = (float)intersect / (float)labelled;
    out->aAcc = per_cent(options->replace_nan && isnan(all) ? (float)options->nan_value : all);
    for (int k = 0; k < out->n_columns; k++) {
        float *x = out->values[k];
        for (int64_t i = 0; i < c->n_classes; i++)
            if (options->replace_nan && isnan(x[i]))
                x[i] = (float)options->nan_value;
        out->means[k] = per_cent(mean_of_known(x, c->n_classes, spare));
        for (int64_t i = 0; i < c->n_classes; i++)
            x[i] = per_cent(x[i]);
    }
    return CSEG_OK;
}

/* The rounded per cent, or that divided by 100, again in single precision. */
static float told(float figure, metrics_style style)
{
    return style.fractions ? figure / 100.0f : figure;
}

metrics_entry *metrics_entries(const metrics *m, metrics_style style, arena *mem, int64_t *n)
{
    int64_t columns = m->n_columns, at = 0;
    *n = 1 + columns + (style.by_class ? columns * m->n_classes : 0);
    metrics_entry *out = ARENA_ARRAY(mem, (size_t)*n, metrics_entry);
    if (!out)
        return NULL;
    out[at++] = (metrics_entry){"aAcc", told(m->aAcc, style)};
    for (int64_t k = 0; k < columns; k++)
        out[at++] = (metrics_entry){arena_printf(mem, "m%s", m->columns[k]), told(m->means[k], style)};
    for (int64_t k = 0; style.by_class && k < columns; k++)
        for (int64_t i = 0; i < m->n_classes; i++)
            out[at++] =
                (metrics_entry){arena_printf(mem, "%s.%s", m->columns[k], m->classes[i]), told(m->values[k][i], style)};
    for (int64_t i = 0; i < *n; i++)
        if (!out[i].key)
            return NULL;
    return out;
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

/* Columns that a terminal gives to a text: code points, as prettytable counts most of them. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

typedef struct table {
    int n_columns;
    int64_t n_rows;
    const char **cells; /* [1 + n_rows][n_columns], headers first */
} table;

static void rule(strbuf *out, const int *widths, int n)
{
    for (int k = 0; k < n; k++) {
        strbuf_add(out, "+");
        for (int i = 0; i < widths[k] + 2; i++)
            strbuf_add(out, "-");
    }
    strbuf_add(out, "+");
}

/* prettytable's default: cells centred, an odd blank to the left of cells of even width, else to the right. */
static void centred(strbuf *out, const char *cell, int width)
{
    int excess = width - width_of(cell), left = excess / 2;
    if (excess % 2 && width_of(cell) % 2 == 0)
        left++;
    strbuf_addf(out, "| %*s%s%*s ", left, "", cell, excess - left, "");
}

static char *print_table(const table *t, arena *mem)
{
    strbuf out = {.mem = mem};
    int widths[METRICS_MAX_COLUMNS + 1] = {0};
    for (int64_t i = 0; i <= t->n_rows; i++)
        for (int k = 0; k < t->n_columns; k++) {
            int width = width_of(t->cells[i * t->n_columns + k]);
            widths[k] = width > widths[k] ? width : widths[k];
        }
    rule(&out, widths, t->n_columns);
    for (int64_t i = 0; i <= t->n_rows; i++) {
        strbuf_add(&out, "\n");
        for (int k = 0; k < t->n_columns; k++)
            centred(&out, t->cells[i * t->n_columns + k], widths[k]);
        strbuf_add(&out, "|");
        if (i == 0) {
            strbuf_add(&out, "\n");
            rule(&out, widths, t->n_columns);
        }
    }
    strbuf_add(&out, "\n");
    rule(&out, widths, t->n_columns);
    return out.failed ? NULL : out.text;
}

/* Prints a float32 that was rounded to two decimals as Python does. */
static const char *figure(float x, arena *mem)
{
    if (isnan(x))
        return "nan";
    char *s = arena_printf(mem, "%.2f", (double)x);
    if (s && s[strlen(s) - 1] == '0')
        s[strlen(s) - 1] = 0; /* 12.50 is 12.5, and 12.00 is 12.0 */
    return s;
}

static char *finish(const table *t, arena *mem)
{
    for (int64_t i = 0; i < (t->n_rows + 1) * t->n_columns; i++)
        if (!t->cells[i])
            return NULL;
    return print_table(t, mem);
}

char *metrics_class_table(const metrics *m, arena *mem)
{
    table t = {.n_columns = m->n_columns + 1, .n_rows = m->n_classes};
    t.cells = ARENA_ARRAY(mem, (size_t)(t.n_rows + 1) * (size_t)t.n_columns, const char *);
    if (!t.cells)
        return NULL;
    t.cells[0] = "Class";
    for (int k = 0; k < m->n_columns; k++)
        t.cells[k + 1] = m->columns[k];
    for (int64_t i = 0; i < m->n_classes; i++) {
        const char **row = t.cells + (i + 1) * t.n_columns;
        row[0] = text_harmless(mem, m->classes[i]);
        for (int k = 0; k < m->n_columns; k++)
            row[k + 1] = figure(m->values[k][i], mem);
    }
    return finish(&t, mem);
}

char *metrics_summary_table(const metrics *m, arena *mem)
{
    table t = {.n_columns = m->n_columns + 1, .n_rows = 1};
    t.cells = ARENA_ARRAY(mem, 2 * (size_t)t.n_columns, const char *);
    if (!t.cells)
        return NULL;
    t.cells[0] = "aAcc";
    t.cells[t.n_columns] = figure(m->aAcc, mem);
    for (int k = 0; k < m->n_columns; k++) {
        t.cells[k + 1] = arena_printf(mem, "m%s", m->columns[k]);
        t.cells[t.n_columns + k + 1] = figure(m->means[k], mem);
    }
    return finish(&t, mem);
}

double metrics_sek(const confusion *c)
{
    double same = 0, predicted = 0, labelled = 0, by_chance = 0, unchanged = (double)c->intersect[0];
    for (int64_t i = 0; i < c->n_classes; i++) {
        double less = i ? 0 : unchanged, of_class = (double)c->predicted[i] - less,
               label = (double)c->labelled[i] - less;
        same += (double)c->intersect[i] - less;
        predicted += of_class;
        labelled += label;
        by_chance += of_class * label;
    }
    double po = same / labelled, pe = by_chance / (predicted * predicted), kappa = (po - pe) / (1 - pe);
    double missed = (double)c->predicted[0] - unchanged,
           found = (double)(labelled - ((double)c->labelled[0] - unchanged));
    return 100 * kappa * exp((found - missed) / labelled) / exp(1);
}
