#include "draw/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/text.h"
#include "io/raster/raster_ground.h"

extern const unsigned char page_html[]; /* page.html, embedded by the build */

enum { LONLAT_N = 32, JPEG_QUALITY = 88 };

/* ---- data as JSON ---------------------------------------------------------------------------------------------- */

static void add_text(strbuf *b, const char *key, const char *text)
{
    strbuf_addf(b, "\"%s\":", key);
    text_add_json(b, text, strlen(text), false);
    strbuf_add(b, ",");
}

static void add_number(strbuf *b, double v)
{
    if (isfinite(v))
        strbuf_addf(b, "%.12g", v);
    else
        strbuf_add(b, "null");
}

static void add_classes(strbuf *b, const page_info *about)
{
    strbuf_add(b, "\"classes\":[");
    for (size_t i = 0; i < about->n_classes; i++) {
        const map_class *c = &about->classes[i];
        strbuf_add(b, i ? ",{" : "{");
        add_text(b, "name", c->name);
        strbuf_addf(b, "\"colour\":[%d,%d,%d],\"pixels\":%lld,\"area\":", c->colour[0], c->colour[1], c->colour[2],
                    (long long)c->pixels);
        add_number(b, c->area);
        strbuf_add(b, ",\"confidence\":");
        add_number(b, c->confidence);
        strbuf_add(b, "}");
    }
    strbuf_add(b, "],");
}

static void add_fact(strbuf *b, const char *name, const char *value, bool *first)
{
    strbuf_add(b, *first ? "[" : ",[");
    *first = false;
    text_add_json(b, name, strlen(name), false);
    strbuf_add(b, ",");
    text_add_json(b, value, strlen(value), false);
    strbuf_add(b, "]");
}

/* Two sides, or one if they are equal. */
static char *pixel_size(const map_layers *l, arena *mem)
{
    const double *t = l->info->place.transform;
    double step[6], x = l->metres[0], y = l->metres[1];
    bool degrees;
    if (raster_ground_transform(l->info, step, &degrees) && degrees)
        return arena_printf(mem, "%.8g\u00b0 x %.8g\u00b0 (about %.3g m x %.3g m)", hypot(t[1], t[4]),
                            hypot(t[2], t[5]), x, y);
    return fabs(x - y) <= 1e-3 * x ? arena_printf(mem, "%.5g m", x) : arena_printf(mem, "%.5g m x %.5g m", x, y);
}

static cseg_status add_facts(strbuf *b, const page_info *about, const map_layers *l, arena *mem, cseg_error *err)
{
    const raster_info *i = l->info;
    const char *system;
    bool first = true;
    TRY(raster_system_name(i, mem, &system, err));
    char *size = arena_printf(mem, "%lld x %lld pixels, %lld band%s, %s", (long long)i->w, (long long)i->h,
                              (long long)i->bands, i->bands == 1 ? "" : "s", i->stored);
    char *shown = arena_printf(mem, "%lld x %lld pixels", (long long)l->w, (long long)l->h);
    char *pixel = pixel_size(l, mem);
    if (!size || !shown || !pixel)
        return fail_memory(err);
    strbuf_add(b, "\"facts\":[");
    for (size_t k = 0; k < about->n_facts; k++)
        add_fact(b, about->facts[k].name, about->facts[k].value, &first);
    add_fact(b, "Scene", size, &first);
    if (*l->date)
        add_fact(b, l->second.data ? "First date" : "Date", l->date, &first);
    if (l->second.data && *l->second_date)
        add_fact(b, "Second date", l->second_date, &first);
    if (*system)
        add_fact(b, "System", system, &first);
    if (isfinite(l->metres[0]))
        add_fact(b, "Pixel", pixel, &first);
    if (l->w != i->w || l->h != i->h)
        add_fact(b, "Shown as", shown, &first);
    strbuf_add(b, "],");
    return CSEG_OK;
}

static cseg_status add_place(strbuf *b, const map_layers *l, arena *mem, cseg_error *err)
{
    double t[6];
    bool degrees;
    const char *system;
    strbuf_addf(b, "\"width\":%lld,\"height\":%lld,\"columns\":%lld,\"rows\":%lld,", (long long)l->w, (long long)l->h,
                (long long)l->info->w, (long long)l->info->h);
    strbuf_add(b, "\"north\":");
    add_number(b, raster_north(l->info));
    strbuf_add(b, ",\"metres\":"); /* of a pixel of the picture */
    add_number(b, l->metres[0] * (double)l->info->w / (double)l->w);
    strbuf_add(b, ",");
    if (!raster_ground_transform(l->info, t, &degrees))
        return CSEG_OK;
    strbuf_addf(b, "\"degrees\":%s,\"transform\":[", degrees ? "true" : "false");
    for (int k = 0; k < 6; k++)
        strbuf_addf(b, k ? ",%.15g" : "%.15g", t[k]);
    strbuf_add(b, "],");
    TRY(raster_system_name(l->info, mem, &system, err));
    const char *code = strrchr(system, '(');
    if (code && str_starts(code, "(EPSG:")) {
        char *bare = arena_strndup(mem, code + 1, strcspn(code + 1, ")"));
        if (!bare)
            return fail_memory(err);
        add_text(b, "code", bare);
    }
    double *lonlat = ARENA_ARRAY(mem, (LONLAT_N + 1) * (LONLAT_N + 1) * 2, double);
    if (!lonlat)
        return fail_memory(err);
    if (degrees || !raster_lonlat_grid(l->info, LONLAT_N, lonlat))
        return CSEG_OK;
    strbuf_addf(b, "\"lonlat_n\":%d,\"lonlat\":[", LONLAT_N);
    for (int k = 0; k < (LONLAT_N + 1) * (LONLAT_N + 1) * 2; k++)
        strbuf_addf(b, k ? ",%.8g" : "%.8g", lonlat[k]);
    strbuf_add(b, "],");
    return CSEG_OK;
}

/* ---- pictures -------------------------------------------------------------------------------------------------- */

static void write_base64(FILE *out, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0u);
        fputc(digits[v >> 18], out);
        fputc(digits[v >> 12 & 63], out);
        fputc(i + 1 < n ? digits[v >> 6 & 63] : '=', out);
        fputc(i + 2 < n ? digits[v & 63] : '=', out);
    }
}

/* "data:image/...", in quotes. name: "x.png" or "x.jpg". */
static cseg_status write_picture(FILE *out, const image *m, const char *name, cseg_error *err)
{
    void *bytes;
    size_t n;
    TRY(image_encode(name, m, &(image_save){.rgb = true, .quality = JPEG_QUALITY}, &bytes, &n, err));
    fprintf(out, "\"data:image/%s;base64,", str_ends(name, ".png") ? "png" : "jpeg");
    write_base64(out, bytes, n);
    fputc('"', out);
    free(bytes);
    return CSEG_OK;
}

/* One channel of `from` (c 1), or the first three (c 3). */
static cseg_status split_off(const image *from, int64_t first, int64_t c, image *out, cseg_error *err)
{
    TRY(image_new(from->h, from->w, c, IMAGE_U8, out, err));
    for (int64_t i = 0; i < from->h * from->w; i++)
        memcpy((uint8_t *)out->data + c * i, (const uint8_t *)from->data + 4 * i + first, (size_t)c);
    return CSEG_OK;
}

static cseg_status write_scene(FILE *out, const char *key, const image *m, cseg_error *err)
{
    image colours = {0}, alpha = {0};
    cseg_status status = CSEG_OK;
    bool holes = false;
    for (int64_t i = 0; i < m->h * m->w && !holes; i++)
        holes = ((const uint8_t *)m->data)[4 * i + 3] != 255;
    fprintf(out, "\"%s\":{\"image\":", key);
    TRY_DONE(split_off(m, 0, 3, &colours, err));
    TRY_DONE(write_picture(out, &colours, "scene.jpg", err));
    if (holes) {
        fputs(",\"alpha\":", out);
        TRY_DONE(split_off(m, 3, 1, &alpha, err));
        TRY_DONE(write_picture(out, &alpha, "map.png", err));
    }
    fputs("},", out);
done:
    image_release(&colours);
    image_release(&alpha);
    return status;
}

/* Rows of the classes, from 1, as gray levels; beyond 255 classes as low and high byte in red and green. */
static cseg_status write_map(FILE *out, const map_layers *l, cseg_error *err)
{
    bool wide = l->n_classes > 255;
    image m = {0};
    TRY(image_new(l->h, l->w, wide ? 3 : 1, IMAGE_U8, &m, err));
    for (int64_t i = 0; i < l->h * l->w; i++) {
        int row = ((const int32_t *)l->map.data)[i] + 1;
        uint8_t *to = (uint8_t *)m.data + m.c * i;
        to[0] = (uint8_t)(row & 255);
        if (wide)
            to[1] = (uint8_t)(row >> 8);
    }
    fprintf(out, "\"wide\":%s,\"map\":", wide ? "true" : "false");
    cseg_status status = write_picture(out, &m, "map.png", err);
    fputc(',', out);
    image_release(&m);
    return status;
}

/* ---- the page -------------------------------------------------------------------------------------------------- */

/* For the text of an element. */
static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        default:
            fputc(*text, out);
        }
}

/* JSON within a script element: "</script" in a text must not end it. */
static void write_json(FILE *out, const char *json)
{
    for (; *json; json++)
        if (*json == '<')
            fputs("\\u003c", out);
        else
            fputc(*json, out);
}

static cseg_status write_data(FILE *out, const page_info *about, const map_layers *l, arena *mem, cseg_error *err)
{
    bool two = l->second.data != NULL;
    strbuf b = {.mem = mem};
    strbuf_add(&b, "{");
    add_text(&b, "title", about->title);
    add_text(&b, "subtitle", about->subtitle ? about->subtitle : "");
    add_text(&b, "left", about->left ? about->left : two ? "First date" : "Scene");
    add_text(&b, "right", about->right ? about->right : two ? "Second date" : "Map");
    add_classes(&b, about);
    TRY(add_facts(&b, about, l, mem, err));
    TRY(add_place(&b, l, mem, err));
    if (b.failed)
        return fail_memory(err);
    write_json(out, b.text);
    TRY(write_scene(out, "scene", &l->scene, err));
    if (two)
        TRY(write_scene(out, "second", &l->second, err));
    if (l->map.data)
        TRY(write_map(out, l, err));
    fprintf(out, "\"unclassified\":%lld}", (long long)l->unclassified);
    return CSEG_OK;
}

/* The page up to `mark`; returns what follows it. */
static const char *write_until(FILE *out, const char *page, const char *mark)
{
    const char *end = strstr(page, mark);
    fwrite(page, 1, (size_t)(end - page), out);
    return end + strlen(mark);
}

cseg_status page_write(const char *path, const page_info *about, const map_layers *l, arena *mem, cseg_error *err)
{
    file_replace f = {0};
    cseg_status status = CSEG_OK;
    char *title = text_harmless(mem, about->title);
    if (!title)
        return fail_memory(err);
    if (l->w > PAGE_MOST || l->h > PAGE_MOST)
        return fail(err, CSEG_SHAPE, "%s: the pictures of a page have at most %d pixels a side, not %lld x %lld", path,
                    PAGE_MOST, (long long)l->w, (long long)l->h);
    TRY(file_replace_open(&f, path, mem, err));
    const char *page = write_until(f.out, (const char *)page_html, "@TITLE@");
    write_escaped(f.out, title);
    page = write_until(f.out, page, "@DATA@");
    TRY_DONE(write_data(f.out, about, l, mem, err));
    fputs(page, f.out);
    TRY_DONE(file_replace_commit(&f, err));
done:
    file_replace_abort(&f);
    return status;
}
