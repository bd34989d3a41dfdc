#include "geo/vectorize.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/outputs.h"
#include "base/str.h"
#include "geo/outline/outline.h"
#include "io/vector/vector.h"

typedef struct job {
    const vectorize_options *o;
    arena *mem;
    mask_rows *rows;
    ground ground;
    outline *outline;
    vector_writer *writer;
    vectorize_report report;
    bool *wanted;     /* [MASK_CLASSES]; NULL: all are */
    bool upside_down; /* rows run northwards: rings turn the other way */
    bool cut;         /* long edges are cut: coordinates will be others */
    double *x, *y;    /* room for a ring */
    size_t room;
} job;

enum {
    FIELDS = 7,
    EDGE = 64 /* pixels: the longest edge of a polygon that goes to other coordinates */
};

static cseg_status check_outputs(const job *j, cseg_error *err)
{
    const vectorize_options *o = j->o;
    outputs *list = outputs_new(j->mem);
    char **paths = vector_paths(o->out, j->mem);
    if (!list || !paths)
        return fail_memory(err);
    TRY(outputs_add_input(list, o->source.mask, "the mask", err));
    if (o->source.confidence)
        TRY(outputs_add_input(list, o->source.confidence, "the confidence", err));
    for (; *paths; paths++)
        TRY(outputs_add(list, *paths, "the polygons", NULL, err));
    return outputs_check(list, "give another --out", err);
}

/* ---- which classes ---- */

static bool is_number(const char *s, long *id)
{
    char *end;
    *id = strtol(s, &end, 10);
    return isdigit((unsigned char)*s) && !*end;
}

static cseg_status want(job *j, const char *class, cseg_error *err)
{
    int n = mask_rows_names(j->rows), known = 0;
    long id;
    for (int i = 0; i < n; i++)
        if (mask_rows_name(j->rows, i) && strcmp(mask_rows_name(j->rows, i), class) == 0) {
            j->wanted[i] = true; /* several may have one name */
            known++;
        }
    if (known)
        return CSEG_OK;
    if (is_number(class, &id) && id < MASK_CLASSES) {
        j->wanted[id] = true;
        return CSEG_OK;
    }
    const char **names = ARENA_ARRAY(j->mem, (size_t)n + 1, const char *);
    size_t found = 0;
    for (int i = 0; names && i < n; i++)
        if (mask_rows_name(j->rows, i))
            names[found++] = mask_rows_name(j->rows, i);
    if (!names)
        return fail_memory(err);
    const char *near = str_nearest(class, names, found);
    if (near)
        return fail(err, CSEG_USAGE, "%s: has no class '%s'; is '%s' meant?", j->o->source.mask, class, near);
    return fail(err, CSEG_USAGE, "%s: has no class '%s'%s", j->o->source.mask, class,
                found ? "" : ": it names none; give class numbers, or their names by --names or --config");
}

static cseg_status choose_classes(job *j, cseg_error *err)
{
    if (!j->o->n_classes)
        return CSEG_OK;
    j->wanted = ARENA_ARRAY(j->mem, MASK_CLASSES, bool);
    if (!j->wanted)
        return fail_memory(err);
    for (int i = 0; i < j->o->n_classes; i++)
        TRY(want(j, j->o->classes[i], err));
    return CSEG_OK;
}

/* ---- attributes ---- */

static bool is_date(const char *s)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int i = 0; i < 10; i++)
        if (i == 4 || i == 7 ? s[i] != '-' : !isdigit((unsigned char)s[i]))
            return false;
    int month = atoi(s + 5), day = atoi(s + 8);
    return !s[10] && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static int list_fields(const vectorize_options *o, vector_field to[static FIELDS])
{
    int n = 0;
    to[n++] = (vector_field){"class_id", VECTOR_INT};
    to[n++] = (vector_field){"class", VECTOR_TEXT};
    to[n++] = (vector_field){"area_m2", VECTOR_REAL};
    to[n++] = (vector_field){"pixels", VECTOR_INT};
    if (o->source.confidence)
        to[n++] = (vector_field){"confidence", VECTOR_REAL};
    bool dates = o->dates[0] && o->dates[1] && is_date(o->dates[0]) && is_date(o->dates[1]);
    for (int i = 0; i < 2; i++)
        if (o->dates[i])
            to[n++] = (vector_field){i ? "date_2" : "date_1", dates ? VECTOR_DATE : VECTOR_TEXT};
    return n;
}

static void fill_values(const job *j, const outline_shape *s, vector_value to[static FIELDS])
{
    const char *name = mask_rows_name(j->rows, s->label);
    int n = 0;
    to[n++] = (vector_value){.number = s->label};
    to[n++] = (vector_value){.text = name, .is_null = !name};
    to[n++] = (vector_value){.real = s->area, .is_null = isnan(s->area)};
    to[n++] = (vector_value){.number = s->pixels};
    if (j->o->source.confidence)
        to[n++] = (vector_value){.real = s->scored ? (double)s->score / (double)s->scored / SCORE_MOST : 0.0,
                                 .is_null = !s->scored};
    for (int i = 0; i < 2; i++)
        if (j->o->dates[i])
            to[n++] = (vector_value){.text = j->o->dates[i]};
}

/* ---- shapes ---- */

static bool make_room(job *j, size_t n)
{
    if (n <= j->room)
        return true;
    mem_free(j->x);
    mem_free(j->y);
    j->room = 0;
    j->x = mem_alloc_raw(n * sizeof *j->x);
    j->y = mem_alloc_raw(n * sizeof *j->y);
    if (!j->x || !j->y)
        return false;
    j->room = n;
    return true;
}

/* Into how many pieces an edge is cut. Lines that are straight in the mask are not in degrees. */
static int64_t pieces(const job *j, outline_point a, outline_point b)
{
    int64_t dx = llabs((int64_t)b.x - a.x), dy = llabs((int64_t)b.y - a.y);
    return j->cut ? ((dx > dy ? dx : dy) + EDGE - 1) / EDGE : 1;
}

static void put_point(job *j, size_t at, double x, double y)
{
    const double *t = j->ground.transform;
    j->x[at] = t[0] + t[1] * x + t[2] * y;
    j->y[at] = t[3] + t[4] * x + t[5] * y;
}

/* The same points whichever of the two neighbours has the edge. */
static size_t put_edge(job *j, size_t at, outline_point a, outline_point b)
{
    bool turned = a.x > b.x || (a.x == b.x && a.y > b.y);
    outline_point from = turned ? b : a, to = turned ? a : b;
    int64_t n = pieces(j, a, b);
    put_point(j, at++, a.x, a.y);
    for (int64_t i = 1; i < n; i++) {
        double part = (double)(turned ? n - i : i) / (double)n;
        put_point(j, at++, from.x + part * ((double)to.x - from.x), from.y + part * ((double)to.y - from.y));
    }
    return at;
}

static cseg_status write_ring(job *j, const outline_ring *r, cseg_error *err)
{
    size_t n = 0, at = 0;
    for (size_t k = 0; k < r->n; k++)
        n += (size_t)pieces(j, r->at[k], r->at[k + 1 < r->n ? k + 1 : 0]);
    if (!make_room(j, n))
        return fail_memory(err);
    for (size_t k = 0; k < r->n; k++) {
        size_t a = j->upside_down ? r->n - 1 - k : k, b = j->upside_down ? (a ? a : r->n) - 1
                                                          : k + 1 < r->n ? k + 1
                                                                         : 0;
        at = put_edge(j, at, r->at[a], r->at[b]);
    }
    return vector_ring(j->writer, j->x, j->y, n, r->outer, err);
}

static cseg_status write_shape(void *arg, const outline_shape *s, cseg_error *err)
{
    job *j = arg;
    vector_value values[FIELDS];
    for (size_t i = 0; i < s->n_rings; i++)
        TRY(write_ring(j, &s->rings[i], err));
    fill_values(j, s, values);
    j->report.shapes++;
    j->report.pixels += s->pixels;
    return vector_shape(j->writer, values, err);
}

static void leave_out(job *j, int32_t *labels, int64_t w)
{
    for (int64_t x = 0; x < w; x++) {
        if (labels[x] >= 0 && j->wanted && !j->wanted[labels[x]])
            labels[x] = -1;
        j->report.other += labels[x] < 0;
    }
}

static cseg_status open_writer(job *j, cseg_error *err)
{
    const vectorize_options *o = j->o;
    vector_field fields[FIELDS];
    const double *t = j->ground.transform;
    double width = hypot(t[1], t[4]), height = hypot(t[2], t[5]);
    const char *base = path_base(o->out);
    vector_spec spec = {.layer = arena_strndup(j->mem, base, strlen(base) - strlen(path_ext(base))),
                        .projection = j->ground.projection,
                        .fields = fields,
                        .n_fields = list_fields(o, fields),
                        .multi = o->diagonal,
                        .smallest = width < height ? width : height};
    if (!spec.layer)
        return fail_memory(err);
    if (j->ground.kind == GROUND_PLANE) /* in degrees */
        spec.smallest *= j->ground.metre / 111320.0;
    if (o->simplify > 0.0) /* a border can pass so near to a corner of another */
        spec.smallest /= 100.0;
    return vector_create(o->out, &spec, j->mem, &j->writer, err);
}

static cseg_status open_all(job *j, cseg_error *err)
{
    const vectorize_options *o = j->o;
    TRY(vector_check_path(o->out, err));
    TRY(check_outputs(j, err));
    TRY(mask_rows_open(&o->source, j->mem, &j->rows, err));
    const raster_info *info = mask_rows_info(j->rows);
    TRY(ground_of(info, o->source.mask, &j->ground, err));
    const double *t = j->ground.transform;
    j->upside_down = t[1] * t[5] - t[2] * t[4] > 0.0;
    j->cut = vector_is_geographic(o->out) && *j->ground.projection;
    TRY(choose_classes(j, err));
    outline_options how = {.w = info->w,
                           .h = info->h,
                           .diagonal = o->diagonal,
                           .ground = &j->ground,
                           .tolerance = o->simplify,
                           .min_area = o->min_area,
                           .keep_nodes = j->cut, /* neighbours need the same points */
                           .emit = write_shape,
                           .arg = j};
    TRY(outline_new(&how, j->mem, &j->outline, err));
    return open_writer(j, err);
}

cseg_status vectorize(const vectorize_options *options, vectorize_report *report, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    job j = {.o = options, .mem = arena_new()};
    if (!j.mem)
        return fail_memory(err);
    TRY_DONE(open_all(&j, err));
    while (mask_rows_left(j.rows)) {
        int32_t *labels;
        const uint8_t *scores;
        TRY_DONE(mask_rows_next(j.rows, &labels, &scores, err));
        leave_out(&j, labels, mask_rows_info(j.rows)->w);
        TRY_DONE(outline_row(j.outline, labels, scores, err));
    }
    TRY_DONE(vector_commit(j.writer, err));
    outline_dropped(j.outline, &j.report.dropped, &j.report.dropped_pixels);
    if (report)
        *report = j.report;
done:
    arena_free(j.mem);
    mem_free(j.x);
    mem_free(j.y);
    return status;
}
