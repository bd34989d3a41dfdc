/* Cuts images into pieces as the reference's tools do. */
#include <string.h>

#include "data/convert/convert_make.h"

/* Where pieces begin along one side, each once. */
typedef struct cuts {
    VEC(int64_t) at;
    int64_t size;
} cuts;

typedef struct cutting {
    convert_task *t;
    cuts rows, columns;
    bool rows_first; /* a name has rows before columns */
} cutting;

static bool add_cut(arena *mem, cuts *c, int64_t at, int64_t length)
{
    at = at + c->size > length ? length - c->size : at;
    return (c->at.n && c->at.at[c->at.n - 1] == at) || vec_push(mem, &c->at, at);
}

/* The stride says how many pieces there are; they lie side by side all the same, and the last end where the image
 * does. */
static cseg_status cut_clips(arena *mem, int64_t length, int64_t clip, int64_t stride, cuts *c, cseg_error *err)
{
    c->size = clip;
    int64_t n = (length - clip + stride - 1) / stride + 1;
    for (int64_t i = 0; i < n && i * clip <= length; i++)
        if (!add_cut(mem, c, i * clip, length))
            return fail_memory(err);
    return CSEG_OK;
}

static cseg_status cut_patches(arena *mem, int64_t length, int64_t patch, int64_t overlap, cuts *c, cseg_error *err)
{
    c->size = patch;
    for (int64_t at = 0; at < length; at += patch - overlap)
        if (!add_cut(mem, c, at, length))
            return fail_memory(err);
    return CSEG_OK;
}

/* The path of the piece that begins at (y, x). NULL: out of memory. */
static char *piece_name(const cutting *c, int64_t y, int64_t x)
{
    const convert_form *f = c->t->job->form;
    const char *out = c->t->job->out;
    int64_t y_end = y + c->rows.size, x_end = x + c->columns.size;
    int stem = (int)(strlen(out) - strlen(f->ending));
    int64_t v[4] = {x, y, x_end, y_end};
    if (c->rows_first)
        memcpy(v, (int64_t[]){y, y_end, x, x_end}, sizeof v);
    return arena_printf(c->t->mem, "%.*s_%lld_%lld_%lld_%lld%s", stem, out, (long long)v[0], (long long)v[1],
                        (long long)v[2], (long long)v[3], f->ending);
}

/* Pads below and on the right. */
static cseg_status pad(image *m, int64_t h, int64_t w, uint8_t value, cseg_error *err)
{
    image larger = {0};
    if (m->h >= h && m->w >= w)
        return CSEG_OK;
    TRY(image_new(m->h > h ? m->h : h, m->w > w ? m->w : w, m->c, IMAGE_U8, &larger, err));
    memset(larger.data, value, image_bytes(&larger));
    for (int64_t y = 0; y < m->h; y++)
        memcpy(image_at(&larger, y, 0), image_at(m, y, 0), (size_t)image_row_bytes(m));
    image_release(m);
    *m = larger;
    return CSEG_OK;
}

static cseg_status write_piece(cutting *c, const image *m, const char *path, int64_t y, int64_t x, cseg_error *err)
{
    image piece = {0};
    cseg_status status = CSEG_OK;
    TRY_DONE(image_new(c->rows.size, c->columns.size, m->c, IMAGE_U8, &piece, err));
    for (int64_t i = 0; i < piece.h; i++)
        memcpy(image_at(&piece, i, 0), image_at(m, y + i, x), (size_t)image_row_bytes(&piece));
    TRY_DONE(convert_write(c->t, path, &piece, NULL, err));
done:
    image_release(&piece);
    return status;
}

/* Decodes the image only if a piece is missing. */
static cseg_status make_pieces(cutting *c, cseg_error *err)
{
    convert_task *t = c->t;
    image m = {0};
    cseg_status status = CSEG_OK;
    for (size_t i = 0; i < c->rows.at.n; i++)
        for (size_t k = 0; k < c->columns.at.n; k++) {
            int64_t y = c->rows.at.at[i], x = c->columns.at.at[k];
            char *path = piece_name(c, y, x);
            if (!path) {
                status = fail_memory(err);
                goto done;
            }
            if (convert_has(t, path))
                continue;
            if (!m.data) {
                TRY_DONE(convert_image(t, &m, err));
                TRY_DONE(pad(&m, c->rows.size, c->columns.size, t->job->form->pad, err));
            }
            TRY_DONE(write_piece(c, &m, path, y, x, err));
        }
done:
    image_release(&m);
    return status;
}

static cseg_status measure(convert_task *t, int64_t *h, int64_t *w, cseg_error *err)
{
    int64_t channels;
    TRY(convert_read(t, err));
    return image_probe_bytes(t->bytes, t->n, t->name, t->job->form->flags, h, w, &channels, err);
}

cseg_status convert_clips(convert_task *t, cseg_error *err)
{
    const convert_options *o = t->o;
    cutting c = {.t = t};
    int64_t h, w;
    TRY(measure(t, &h, &w, err));
    if (h < o->clip_size || w < o->clip_size)
        return fail(err, CSEG_DATA,
                    "%s: is %lld x %lld, smaller than a piece of %lld x %lld; give a smaller --clip_size", t->name,
                    (long long)w, (long long)h, (long long)o->clip_size, (long long)o->clip_size);
    TRY(cut_clips(t->mem, h, o->clip_size, o->stride_size, &c.rows, err));
    TRY(cut_clips(t->mem, w, o->clip_size, o->stride_size, &c.columns, err));
    return make_pieces(&c, err);
}

cseg_status convert_patches(convert_task *t, cseg_error *err)
{
    const convert_options *o = t->o;
    int64_t rows = o->patch_width, columns = o->patch_height, h, w; /* the reference takes one for the other */
    cutting c = {.t = t, .rows_first = true};
    TRY(measure(t, &h, &w, err));
    TRY(cut_patches(t->mem, h > rows ? h : rows, rows, o->overlap, &c.rows, err));
    TRY(cut_patches(t->mem, w > columns ? w : columns, columns, o->overlap, &c.columns, err));
    return make_pieces(&c, err);
}
