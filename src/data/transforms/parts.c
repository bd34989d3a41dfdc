/* Looks at whole pictures part by part. */
#include "data/transforms/transform.h"

/* The side of a part. */
enum { LOOK = 1024 };

cseg_status picture_each_part(const picture_parts *p, picture_look *look, void *arg, cseg_error *err)
{
    if (p->whole)
        return look(arg, p->whole, err);
    int64_t done = 0;
    for (int64_t y = 0; y < p->h; y += LOOK)
        for (int64_t x = 0; x < p->w; x += LOOK) {
            image m = {0};
            int64_t h = p->h - y < LOOK ? p->h - y : LOOK, w = p->w - x < LOOK ? p->w - x : LOOK;
            cseg_status status = p->read(p->arg, y, x, h, w, &m, err);
            if (status == CSEG_OK)
                status = look(arg, &m, err);
            image_release(&m);
            TRY(status);
            done += h * w;
            if (p->looked)
                TRY(p->looked(p->looked_arg, done, p->h * p->w, err));
        }
    return CSEG_OK;
}

cseg_status sample_measure(const transform *t, sample *s, sample_range *out, cseg_error *err)
{
    *out = s->range;
    if (out->known || !t->measure)
        return CSEG_OK;
    picture_parts all = {.h = s->img.h, .w = s->img.w, .whole = &s->img, .dates = s->n_images};
    TRY(sample_nodata(s, &all.nodata, err));
    return t->measure(t, &all, s->mem, out, err);
}
