/* Judges the label values that the scan found, and words the errors and warnings. */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "data/scan/scan_internal.h"

enum { NAMED_VALUES = 6 };

static const char USUAL_KEY[] = "gt_semantic_seg"; /* the map that the dataset's classes are about */

/* ---- one value ----------------------------------------------------------------------------------------------- */

int64_t scan_seen(const scan_entry *e, int64_t v)
{
    return v < 256 ? e->as->seen[v] : -1;
}

static bool about_classes(const scan_entry *e)
{
    return strcmp(e->as->key, USUAL_KEY) == 0;
}

/* The label that is not counted when the dataset's classes are measured. */
static int64_t uncounted(const scan *s, const scan_entry *e)
{
    bool own = s->options->measured && s->options->has_ignored && about_classes(e);
    return own ? s->options->ignored : e->as->meta->ignore_index;
}

/* Whether the dataset itself has a name for the label, or does not count it. */
static bool dataset_knows(const scan *s, const scan_entry *e, int64_t id)
{
    return id == uncounted(s, e) || (id >= 0 && id < e->as->meta->n_classes);
}

static bool concerns(const scan_rule *r, const scan_entry *e)
{
    return strcmp(r->key, e->as->key) == 0;
}

static bool rule_ignores(const scan_rule *r, int64_t id)
{
    return id == r->ignore_index || (r->has_ignored && id == r->ignored);
}

static bool rule_takes(const scan_rule *r, int64_t id)
{
    return rule_ignores(r, id) || (id >= 0 && id < r->n_labels);
}

/* The first head that cannot take the label; NULL: all can. */
static const scan_rule *broken_rule(const scan *s, const scan_entry *e, int64_t id)
{
    for (int i = 0; i < s->options->n_rules; i++) {
        const scan_rule *r = &s->options->rules[i];
        if (concerns(r, e) && !rule_takes(r, id))
            return r;
    }
    return NULL;
}

bool scan_is_ignored(const scan *s, const scan_entry *e, int64_t id)
{
    bool any = false;
    for (int i = 0; i < s->options->n_rules && !s->options->measured; i++) {
        const scan_rule *r = &s->options->rules[i];
        if (concerns(r, e) && !rule_ignores(r, id))
            return false;
        any = any || concerns(r, e);
    }
    return any || id == uncounted(s, e);
}

int64_t scan_labels_of(const scan *s, const scan_entry *e)
{
    int64_t n = -1;
    for (int i = 0; i < s->options->n_rules; i++) {
        const scan_rule *r = &s->options->rules[i];
        if (concerns(r, e) && (n < 0 || r->n_labels < n))
            n = r->n_labels;
    }
    bool named = e->as->meta->n_classes > 0 && about_classes(e);
    return n < 0 || (s->options->measured && named) ? e->as->meta->n_classes : n;
}

typedef enum { LABEL_GOOD, LABEL_ODD, LABEL_BAD } label_verdict;

static label_verdict judge_value(const scan *s, const scan_entry *e, int64_t v)
{
    int64_t id = scan_seen(e, v);
    if (id < 0)
        return LABEL_BAD;
    if (!s->options->n_rules)
        return dataset_knows(s, e, id) ? LABEL_GOOD : LABEL_BAD;
    bool broken = broken_rule(s, e, id) != NULL;
    if (!about_classes(e) || !e->as->meta->n_classes)
        return broken ? LABEL_BAD : LABEL_GOOD;
    if (s->options->measured)
        return dataset_knows(s, e, id) ? LABEL_GOOD : broken ? LABEL_BAD : LABEL_ODD;
    bool named = dataset_knows(s, e, id) || scan_is_ignored(s, e, id);
    return broken ? LABEL_BAD : named ? LABEL_GOOD : LABEL_ODD;
}

static bool is_bad(const scan *s, const scan_entry *e, int64_t v)
{
    return judge_value(s, e, v) == LABEL_BAD;
}

/* ---- all files ----------------------------------------------------------------------------------------------- */

/* What all wrong files have in common. */
typedef struct verdict {
    const scan_entry *first;
    int64_t files, labels; /* wrong ones, and all with values */
    int64_t largest, smallest, n_values;
    bool colours, only_0_255;
    const scan_entry *odd;
    int64_t odd_value, odd_files;
    const scan_entry *jpeg;
    int64_t jpeg_files;
} verdict;

static void add_file(const scan *s, const scan_entry *e, verdict *v)
{
    bool bad = e->facts.form != SCAN_GRAY, odd = false;
    v->labels++;
    v->colours = v->colours || bad;
    for (int k = 0; k < e->facts.n_values; k++) {
        int64_t x = e->facts.values[k].value;
        label_verdict one = judge_value(s, e, x);
        if (one == LABEL_ODD && !v->odd) {
            v->odd = e;
            v->odd_value = x;
        }
        odd = odd || one == LABEL_ODD;
        bad = bad || one == LABEL_BAD;
        v->only_0_255 = v->only_0_255 && (x == 0 || x == 255);
        v->largest = x != 255 && x > v->largest ? x : v->largest;
        v->smallest = x < v->smallest ? x : v->smallest;
    }
    v->n_values = e->facts.n_values > v->n_values ? e->facts.n_values : v->n_values;
    v->files += bad;
    v->odd_files += odd;
    if (e->facts.jpeg && !e->as->meta->to_binary && !v->jpeg_files++)
        v->jpeg = e;
    if (bad && !v->first)
        v->first = e;
}

static void judge_all(const scan *s, verdict *v)
{
    *v = (verdict){.smallest = INT64_MAX, .only_0_255 = true};
    for (int64_t i = 0; i < s->n; i++)
        if (scan_has_values(&s->at[i]))
            add_file(s, &s->at[i], v);
}

/* Whether 0 in the file is ignored and 1 is the first class. */
static bool reduces(const scan_entry *e)
{
    return e->as->seen[0] == 255 && e->as->seen[1] == 0;
}

static const char *mask_advice(const scan_entry *e)
{
    return e->as->meta->pairs ? "these are masks of 0 and 255: set format_seg_map='to_binary' (0.x: format_ann="
                                "'binary'), or write 1 for 255"
                              : "these are masks of 0 and 255: write 1 for 255";
}

static const char *shape_advice(const scan_entry *e)
{
    if (e->facts.jpeg)
        return "it is a JPEG, whose compression mixes labels where they meet; make the labels anew, as PNG with one "
               "channel";
    if (e->facts.form == SCAN_SAME)
        return "it is gray, with all colours alike (or with alpha); write one channel of it, as PNG";
    return "labels are to be class indices in one channel; these are colours. Convert them by the palette";
}

static const char *likely_cause(const scan *s, const verdict *v)
{
    const scan_entry *e = v->first;
    int64_t classes = scan_labels_of(s, e);
    bool reduce = reduces(e);
    if (e->facts.form != SCAN_GRAY)
        return shape_advice(e);
    if (v->only_0_255)
        return mask_advice(e);
    if (e->facts.jpeg)
        return "it is a JPEG, whose compression mixes labels where they meet; make the labels anew, as PNG";
    if (!reduce && v->largest == classes && v->smallest > 0)
        return "the classes are counted from 1, and there is no 0: set reduce_zero_label=True";
    if (!reduce && v->largest == classes)
        return "the classes may be counted from 1, with 0 for what is not labelled: then set reduce_zero_label=True; "
               "else num_classes is one too small";
    if (v->n_values > 64 && v->largest > classes + 32)
        return "so many values are no indices: these may be gray levels, or indices that were resized with "
               "interpolation";
    if (v->largest >= 10 && v->largest % 10 == 0 && v->n_values <= classes + 1)
        return "the values may be classes times a factor, spread so that they can be seen: divide them";
    return "num_classes may be too small, or the dataset's type another one";
}

/* "; there are 3 classes for decode_head (0 to 2 in the file), and 255 is ignored" */
static void add_what_is_known(const scan *s, const scan_entry *e, const scan_rule *r, strbuf *text)
{
    bool reduce = reduces(e), named = !r || (s->options->measured && about_classes(e) && e->as->meta->n_classes);
    int64_t n = named ? e->as->meta->n_classes : r->n_labels;
    strbuf_addf(text, "; there are %lld classes%s%s (%lld to %lld in the file%s), and %lld is ignored", (long long)n,
                named ? "" : " for ", named ? "" : r->head, (long long)reduce, (long long)(n - 1 + reduce),
                reduce ? ", 0 ignored" : "", (long long)(named ? uncounted(s, e) : r->ignore_index));
    if (!named && r->has_ignored)
        strbuf_addf(text, ", and %lld too", (long long)r->ignored);
}

static cseg_status report_bad(const scan *s, const verdict *v, arena *mem, cseg_error *err)
{
    const scan_entry *e = v->first;
    const scan_rule *broken = NULL;
    strbuf text = {.mem = mem};
    int64_t others = 0;
    int named = 0;
    if (e->facts.form != SCAN_GRAY)
        return fail(err, CSEG_DATA, "%s has %d channels (and %lld more label files are wrong): %s", e->path, e->facts.c,
                    (long long)(v->files - 1), likely_cause(s, v));
    for (int k = 0; k < e->facts.n_values; k++) {
        const scan_value *x = &e->facts.values[k];
        if (!is_bad(s, e, x->value))
            continue;
        broken = broken ? broken : broken_rule(s, e, scan_seen(e, x->value));
        if (named++ < NAMED_VALUES)
            strbuf_addf(&text, "%s%lld in %lld pixels", named > 1 ? ", " : "", (long long)x->value,
                        (long long)x->count);
        else
            others++;
    }
    if (others)
        strbuf_addf(&text, " and %lld more values", (long long)others);
    add_what_is_known(s, e, broken, &text);
    if (text.failed)
        return fail_memory(err);
    return fail(err, CSEG_DATA, "%s: %s. %lld of %lld label files are wrong. Likely: %s", e->path, text.text,
                (long long)v->files, (long long)v->labels, likely_cause(s, v));
}

/* Masks of 0 and 255 with 255 ignored: no value is wrong, but nothing can be learned or measured. */
static cseg_status check_something_to_learn(const scan *s, const verdict *v, cseg_error *err)
{
    const scan_entry *e = NULL;
    if (!v->only_0_255 || v->colours || v->smallest == 255 || !v->labels)
        return CSEG_OK;
    for (int64_t i = 0; i < s->n && !e; i++)
        for (int k = 0; scan_has_values(&s->at[i]) && k < s->at[i].facts.n_values; k++)
            if (s->at[i].facts.values[k].value == 255 && scan_is_ignored(s, &s->at[i], scan_seen(&s->at[i], 255)))
                e = &s->at[i];
    if (!e || scan_labels_of(s, e) < 2)
        return CSEG_OK;
    return fail(
        err, CSEG_DATA,
        "%s, and all %lld label files, hold 0 and 255 only, and 255 is ignored: there is nothing but class 0 to "
        "%s. Likely: %s",
        e->path, (long long)v->labels, s->options->measured ? "measure" : "learn", mask_advice(e));
}

/* Image and map, by their headers alone. */
static cseg_status check_sizes(const scan *s, cseg_error *err)
{
    for (int64_t i = 0; i < s->n; i++) {
        const scan_entry *e = &s->at[i];
        if (e->facts.h == e->facts.image_h && e->facts.w == e->facts.image_w)
            continue;
        return fail(err, CSEG_SHAPE, "%s is %lldx%lld (height x width), %s %s is %lldx%lld", e->path,
                    (long long)e->facts.h, (long long)e->facts.w,
                    strcmp(e->as->key, SCAN_SECOND_DATE) == 0 ? "the first date's" : "its image", e->of,
                    (long long)e->facts.image_h, (long long)e->facts.image_w);
    }
    return CSEG_OK;
}

static void warn(const scan *s, const verdict *v)
{
    if (v->jpeg)
        log_say(LOG_WARNING,
                "%s: %lld label files are JPEGs, whose compression changes numbers where labels meet; PNG keeps them",
                v->jpeg->path, (long long)v->jpeg_files);
    if (!v->odd)
        return;
    const dataset_meta *meta = v->odd->as->meta;
    if (s->options->measured)
        log_say(LOG_WARNING,
                "%s: label %lld (in %lld files) is neither one of the dataset's %lld classes nor ignored by the "
                "evaluation, though the model knows it: whatever is predicted there counts as wrong",
                v->odd->path, (long long)v->odd_value, (long long)v->odd_files, (long long)meta->n_classes);
    else
        log_say(LOG_WARNING,
                "%s: label %lld (in %lld files) is learned by the model, but the dataset has names for %lld classes "
                "alone",
                v->odd->path, (long long)v->odd_value, (long long)v->odd_files, (long long)meta->n_classes);
}

cseg_status scan_judge(const scan *s, arena *mem, cseg_error *err)
{
    verdict v;
    judge_all(s, &v);
    if (v.first)
        return report_bad(s, &v, mem, err);
    TRY(check_sizes(s, err));
    TRY(check_something_to_learn(s, &v, err));
    warn(s, &v);
    return CSEG_OK;
}
