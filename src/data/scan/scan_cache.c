#include "data/scan/scan_cache.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "io/image/image.h"
#include "io/net/sha256.h"

/* The cache is text, one line a label file:
 *     LABEL-STAMP IMAGE-STAMP HOW C FORM JPEG H W IMAGE-H IMAGE-W N VALUE:COUNT ... <tab>LABEL<tab>IMAGE
 * where a stamp is size, seconds and nanoseconds. Names with tabs or line ends are not kept. The last line seals the
 * others: a digit that a disk or an editor changed would be believed for as long as the label file stays. */
#define FIRST_LINE "cseg label scan 3"

enum { VALUES = 65536, LARGEST_CACHE = 1 << 30, HEAD = 15 };
enum { SEAL_BYTES = 4 + 64 + 1, LARGEST_SIDE = 1 << 30 };

/* ---- counting ------------------------------------------------------------------------------------------------ */

struct scan_counter {
    arena *mem;
    int64_t counts[VALUES];
};

scan_counter *scan_counter_new(void)
{
    scan_counter *c = mem_alloc(sizeof *c);
    if (c && !(c->mem = arena_new())) {
        mem_free(c);
        return NULL;
    }
    return c;
}

void scan_counter_free(scan_counter *c)
{
    if (c)
        arena_free(c->mem);
    mem_free(c);
}

static cseg_status count_any(scan_counter *c, const image *m, const char *path, cseg_error *err)
{
    for (int64_t y = 0; y < m->h; y++)
        for (int64_t x = 0; x < m->w; x++) {
            double v = image_get(m, y, x, 0);
            if (!(v >= 0 && v < VALUES) || v != floor(v))
                return fail(err, CSEG_DATA,
                            "%s: pixel (row %lld, column %lld) is %g; labels are whole numbers of 0 "
                            "to %d",
                            path, (long long)y, (long long)x, v, VALUES - 1);
            c->counts[(int)v]++;
        }
    return CSEG_OK;
}

static cseg_status count_values(scan_counter *c, const image *m, const char *path, cseg_error *err)
{
    memset(c->counts, 0, sizeof c->counts);
    if (m->type != IMAGE_U8)
        return count_any(c, m, path, err);
    const uint8_t *at = m->data;
    for (int64_t i = 0; i < m->h * m->w; i++)
        c->counts[at[i]]++;
    return CSEG_OK;
}

static cseg_status list_values(scan_counter *c, scan_facts *out, cseg_error *err)
{
    for (int v = 0; v < VALUES; v++)
        out->n_values += c->counts[v] > 0;
    out->values = ARENA_ARRAY(c->mem, (size_t)out->n_values, scan_value);
    if (!out->values)
        return fail_memory(err);
    int n = 0;
    for (int v = 0; v < VALUES; v++)
        if (c->counts[v])
            out->values[n++] = (scan_value){v, c->counts[v]};
    return CSEG_OK;
}

/* SCAN_SAME if red, green and blue are equal in every pixel, whatever its alpha. */
static scan_form form_of(const image *m)
{
    int64_t colours = m->c >= 3 ? 3 : 1;
    if (m->c == 1)
        return SCAN_GRAY;
    if (m->c > 4)
        return SCAN_COLOURS;
    for (int64_t y = 0; y < m->h; y++)
        for (int64_t x = 0; x < m->w; x++)
            for (int64_t k = 1; k < colours; k++)
                if (image_get(m, y, x, k) != image_get(m, y, x, 0))
                    return SCAN_COLOURS;
    return SCAN_SAME;
}

/* Told by the file's first bytes, not by its name. */
static bool is_jpeg(const char *path)
{
    unsigned char start[3] = {0};
    cseg_error error;
    FILE *f;
    if (file_open_stream(path, &f, NULL, &error) != CSEG_OK)
        return false;
    bool yes = fread(start, 1, 3, f) == 3 && memcmp(start, "\xff\xd8\xff", 3) == 0;
    fclose(f);
    return yes;
}

static cseg_status probe(const char *label, const char *picture, int how, scan_facts *out, cseg_error *err)
{
    int64_t channels;
    TRY(image_probe(label, how == SCAN_PICTURE ? IMAGE_COLOR : IMAGE_UNCHANGED, &out->h, &out->w, &channels, err));
    out->c = channels > IMAGE_MAX_CHANNELS ? IMAGE_MAX_CHANNELS : (int)channels;
    return image_probe(picture, IMAGE_COLOR, &out->image_h, &out->image_w, &channels, err);
}

static cseg_status check_weights(const image *m, const char *path, cseg_error *err)
{
    if (m->c != 1)
        return fail(err, CSEG_DATA, "%s has %lld channels where weights have one", path, (long long)m->c);
    if (m->type == IMAGE_U8 || m->type == IMAGE_U16)
        return CSEG_OK;
    for (int64_t y = 0; y < m->h; y++)
        for (int64_t x = 0; x < m->w; x++) {
            double v = image_get(m, y, x, 0);
            if (!(v >= 0 && isfinite(v)))
                return fail(err, CSEG_DATA, "%s: the weight at row %lld, column %lld is %g; weights are 0 or more",
                            path, (long long)y, (long long)x, v);
        }
    return CSEG_OK;
}

static cseg_status scan_weights(const char *map, const char *picture, int how, scan_facts *out, cseg_error *err)
{
    image m = {0};
    int64_t channels;
    cseg_status status = CSEG_OK;
    TRY_DONE(image_read(map, (image_flags)(SCAN_WEIGHTS(0) - how), &m, err));
    TRY_DONE(check_weights(&m, map, err));
    out->h = m.h;
    out->w = m.w;
    out->c = (int)m.c;
    TRY_DONE(image_probe(picture, IMAGE_COLOR, &out->image_h, &out->image_w, &channels, err));
done:
    image_release(&m);
    return status;
}

cseg_status scan_file(scan_counter *c, const char *label, const char *picture, int how, scan_facts *out,
                      cseg_error *err)
{
    cseg_status status = CSEG_OK;
    image m = {0};
    int64_t channels;
    *out = (scan_facts){0};
    if (how <= SCAN_WEIGHTS(0))
        return scan_weights(label, picture, how, out, err);
    if (how < 0)
        return probe(label, picture, how, out, err);
    TRY_DONE(image_read(label, (image_flags)how, &m, err));
    out->form = form_of(&m);
    out->jpeg = is_jpeg(label);
    out->h = m.h;
    out->w = m.w;
    out->c = (int)m.c;
    if (m.c == 1) {
        TRY_DONE(count_values(c, &m, label, err));
        TRY_DONE(list_values(c, out, err));
    }
    TRY_DONE(image_probe(picture, IMAGE_COLOR, &out->image_h, &out->image_w, &channels, err));
done:
    image_release(&m);
    return status;
}

/* ---- reading the cache --------------------------------------------------------------------------------------- */

typedef struct stamp {
    int64_t size, seconds, nanoseconds;
} stamp;

typedef struct cached {
    const char *label, *picture;
    stamp of_label, of_picture;
    int how;
    bool asked; /* looked up in this run */
    scan_facts facts;
} cached;

static bool stamp_of(const char *path, stamp *out)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    *out = (stamp){st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    return true;
}

static bool same_stamp(const stamp *a, const stamp *b)
{
    return a->size == b->size && a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

/* Reads numbers from *at on. False if none stands there. */
static bool take(char **at, char after, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(*at, &end, 10);
    if (end == *at || errno || *end != after)
        return false;
    *at = end + 1;
    return true;
}

static bool read_line(char *line, arena *mem, cached *out)
{
    int64_t head[HEAD];
    char *picture = strrchr(line, '\t'), *label;
    if (!picture)
        return false;
    *picture++ = 0;
    label = strrchr(line, '\t');
    if (!label)
        return false;
    *label++ = 0;
    for (int i = 0; i < HEAD; i++)
        if (!take(&line, ' ', &head[i]))
            return false;
    if (head[7] < 1 || head[7] > IMAGE_MAX_CHANNELS || head[8] < SCAN_GRAY || head[8] > SCAN_COLOURS || head[14] < 0 ||
        head[14] > VALUES)
        return false;
    *out = (cached){.label = label,
                    .picture = picture,
                    .of_label = {head[0], head[1], head[2]},
                    .of_picture = {head[3], head[4], head[5]},
                    .how = (int)head[6],
                    .facts = {.c = (int)head[7],
                              .form = (scan_form)head[8],
                              .jpeg = head[9] != 0,
                              .h = head[10],
                              .w = head[11],
                              .image_h = head[12],
                              .image_w = head[13]}};
    out->facts.n_values = (int)head[14];
    out->facts.values = ARENA_ARRAY(mem, (size_t)head[14], scan_value);
    for (int i = 0; out->facts.values && i < out->facts.n_values; i++) {
        scan_value *v = &out->facts.values[i];
        if (!take(&line, ':', &v->value) || !take(&line, ' ', &v->count) || v->value < 0 || v->value >= VALUES ||
            v->count < 1)
            return false;
    }
    return out->facts.values && *line == 0;
}

/* Whether the figures can be those of a label file: all of its pixels are counted, or none. Sums of such figures stay
 * within 64 bits. */
static bool is_plausible(const scan_facts *f)
{
    int64_t left = f->h * f->w;
    if (f->h < 1 || f->w < 1 || f->image_h < 1 || f->image_w < 1 || f->h > LARGEST_SIDE || f->w > LARGEST_SIDE ||
        f->image_h > LARGEST_SIDE || f->image_w > LARGEST_SIDE)
        return false;
    for (int i = 0; i < f->n_values; i++) {
        if (f->values[i].count > left || (i > 0 && f->values[i].value <= f->values[i - 1].value))
            return false;
        left -= f->values[i].count;
    }
    return f->n_values == 0 || left == 0;
}

static void seal_of(const char *text, size_t n, char seal[static SEAL_BYTES + 1])
{
    char hex[65];
    sha256 s;
    sha256_begin(&s);
    sha256_add(&s, text, n);
    sha256_end(&s, hex);
    snprintf(seal, SEAL_BYTES + 1, "sum %s\n", hex);
}

/* Cuts the seal off; false if it does not belong to these lines. */
static bool is_sealed(char *text, size_t *n)
{
    char seal[SEAL_BYTES + 1];
    if (*n < SEAL_BYTES)
        return false;
    *n -= SEAL_BYTES;
    seal_of(text, *n, seal);
    if (memcmp(text + *n, seal, SEAL_BYTES) != 0)
        return false;
    text[*n] = 0;
    return true;
}

static int by_label(const void *a, const void *b)
{
    return strcmp(((const cached *)a)->label, ((const cached *)b)->label);
}

void scan_cache_read(scan_cache *cache, const char *path, arena *mem)
{
    cseg_error error;
    char *text;
    size_t size, lines = 0;
    *cache = (scan_cache){0};
    if (!file_exists(path) || file_read(path, LARGEST_CACHE, mem, &text, &size, &error) != CSEG_OK ||
        !is_sealed(text, &size))
        return;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    cached *at = ARENA_ARRAY(mem, lines + 1, cached);
    if (!at || !str_starts(text, FIRST_LINE "\n"))
        return;
    size_t n = 0;
    for (char *line = text + strlen(FIRST_LINE "\n"), *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        if (!read_line(line, mem, &at[n]) || !is_plausible(&at[n].facts))
            return; /* damaged: none of it is used */
        n++;
    }
    qsort(at, n, sizeof *at, by_label);
    *cache = (scan_cache){.at = at, .n = n};
}

static bool is_current(const cached *c)
{
    stamp of_label, of_picture;
    return stamp_of(c->label, &of_label) && stamp_of(c->picture, &of_picture) && same_stamp(&c->of_label, &of_label) &&
           same_stamp(&c->of_picture, &of_picture);
}

bool scan_cache_find(scan_cache *cache, const char *label, const char *picture, int how, scan_facts *out)
{
    cached wanted = {.label = label};
    cached *hit = cache->n ? bsearch(&wanted, cache->at, cache->n, sizeof *cache->at, by_label) : NULL;
    if (!hit)
        return false;
    hit->asked = true;
    if (hit->how != how || strcmp(hit->picture, picture) != 0 || !is_current(hit))
        return false;
    *out = hit->facts;
    return true;
}

/* ---- writing the cache --------------------------------------------------------------------------------------- */

cseg_status scan_cache_open(scan_cache_writer *w, const char *path, arena *mem, cseg_error *err)
{
    char *dir = path_dir(mem, path);
    if (!dir)
        return fail_memory(err);
    TRY(dir_create(dir, err));
    TRY(file_replace_open(&w->file, path, mem, err));
    fputs(FIRST_LINE "\n", w->file.out);
    return CSEG_OK;
}

void scan_cache_add(scan_cache_writer *w, const char *label, const char *picture, int how, const scan_facts *f)
{
    stamp a, b;
    if (strpbrk(label, "\t\n") || strpbrk(picture, "\t\n") || !stamp_of(label, &a) || !stamp_of(picture, &b))
        return;
    fprintf(w->file.out, "%lld %lld %lld %lld %lld %lld %d %d %d %d %lld %lld %lld %lld %d ", (long long)a.size,
            (long long)a.seconds, (long long)a.nanoseconds, (long long)b.size, (long long)b.seconds,
            (long long)b.nanoseconds, how, f->c, f->form, f->jpeg, (long long)f->h, (long long)f->w,
            (long long)f->image_h, (long long)f->image_w, f->n_values);
    for (int i = 0; i < f->n_values; i++)
        fprintf(w->file.out, "%lld:%lld ", (long long)f->values[i].value, (long long)f->values[i].count);
    fprintf(w->file.out, "\t%s\t%s\n", label, picture);
}

void scan_cache_add_rest(scan_cache_writer *w, const scan_cache *cache)
{
    for (size_t i = 0; i < cache->n; i++) {
        const cached *c = &cache->at[i];
        if (!c->asked && is_current(c))
            scan_cache_add(w, c->label, c->picture, c->how, &c->facts);
    }
}

cseg_status scan_cache_commit(scan_cache_writer *w, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    char *text, seal[SEAL_BYTES + 1];
    size_t n;
    arena *mem = arena_new();
    if (!mem)
        status = fail_memory(err);
    else if (fflush(w->file.out) == 0) /* an error here occurs again when all is committed */
        status = file_read(w->file.temporary, 0, mem, &text, &n, err);
    if (status != CSEG_OK) {
        file_replace_abort(&w->file);
    } else if (!ferror(w->file.out)) {
        seal_of(text, n, seal);
        fputs(seal, w->file.out);
    }
    arena_free(mem);
    return status == CSEG_OK ? file_replace_commit(&w->file, err) : status;
}
