/* Decides which classes a dataset has, their colours, and what the ids in its files become. */
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "data/datasets/leaf.h"

enum { LARGEST_LIST = 1 << 28, MOST_CLASSES = 65535, REMOVED = 255 };

/* The classic 32-bit Mersenne twister, seeded with one number (Matsumoto and Nishimura 1998; numpy's RandomState). */
typedef struct twister {
    uint32_t state[624];
    int next;
} twister;

static void twister_seed(twister *t, uint32_t seed)
{
    for (int i = 0; i < 624; i++) {
        t->state[i] = seed;
        seed = UINT32_C(1812433253) * (seed ^ (seed >> 30)) + (uint32_t)i + 1;
    }
    t->next = 624;
}

static uint32_t twister_draw(twister *t)
{
    if (t->next == 624) {
        uint32_t *s = t->state;
        for (int i = 0; i < 624; i++) {
            uint32_t y = (s[i] & UINT32_C(0x80000000)) | (s[(i + 1) % 624] & UINT32_C(0x7fffffff));
            s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? UINT32_C(0x9908b0df) : 0);
        }
        t->next = 0;
    }
    uint32_t y = t->state[t->next++];
    y ^= y >> 11;
    y ^= (y << 7) & UINT32_C(0x9d2c5680);
    y ^= (y << 15) & UINT32_C(0xefc60000);
    return y ^ (y >> 18);
}

void dataset_random_palette(int64_t n, uint8_t *out)
{
    twister t;
    twister_seed(&t, 42);
    for (int64_t i = 0; i < 3 * n; i++) {
        uint32_t v;
        do
            v = twister_draw(&t) & 255; /* numpy draws below 255 by rejection */
        while (v > 254);
        out[i] = (uint8_t)v;
    }
}

/* A byte order mark, which some editors put in front of a text, is not part of the text: in a class's name it would be
 * an error that nobody can see. */
static cseg_status check_text(const char *path, char **text, size_t *size, cseg_error *err)
{
    if (*size >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) {
        log_warn_once("%s: begins with a byte order mark, which is no part of the first name", path);
        *text += 3;
        *size -= 3;
    }
    bool wide = *size >= 2 && (memcmp(*text, "\xff\xfe", 2) == 0 || memcmp(*text, "\xfe\xff", 2) == 0);
    const char *nul = memchr(*text, 0, *size);
    if (wide)
        return fail(err, CSEG_DATA, "%s: is text in UTF-16; save it as UTF-8", path);
    if (nul)
        return fail(err, CSEG_DATA, "%s: is no text: byte %lld is 0", path, (long long)(nul - *text));
    return CSEG_OK;
}

cseg_status leaf_read_lines(const char *path, arena *mem, const char ***lines, size_t *n, cseg_error *err)
{
    char *text;
    size_t size, count = 0;
    TRY(file_read(path, LARGEST_LIST, mem, &text, &size, err));
    TRY(check_text(path, &text, &size, err));
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    const char **out = ARENA_ARRAY(mem, count + 1, const char *);
    if (!out)
        return fail_memory(err);
    count = 0;
    for (char *at = text, *end = text + size; at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        char *next = stop ? stop + 1 : end;
        if (!stop)
            stop = end; /* file_read put a NUL there */
        while (stop > at && stop[-1] == '\r')
            stop--;
        *stop = 0;
        out[count++] = at;
        at = next;
    }
    *lines = out;
    *n = count;
    return CSEG_OK;
}

static cseg_status read_classes(const value *v, arena *mem, const char *const **out, int64_t *n, cseg_error *err)
{
    char at[512];
    const char **names;
    size_t count;
    const char *file = value_text(v);
    if (file) {
        TRY(leaf_read_lines(file, mem, &names, &count, err));
    } else if (value_is_list(v)) {
        count = value_count(v);
        names = ARENA_ARRAY(mem, count + 1, const char *);
        if (!names)
            return fail_memory(err);
        for (size_t i = 0; i < count; i++) {
            names[i] = value_text(value_item(v, i));
            if (!names[i])
                return fail(err, CSEG_CONFIG, "%sclass %zu is %s; the names of classes are strings", value_place(v, at),
                            i, value_kind_name(value_item(v, i)));
        }
    } else {
        return fail(err, CSEG_CONFIG, "%sclasses is %s; give a list of names, or a file with one name a line",
                    value_place(v, at), value_kind_name(v));
    }
    if (count > MOST_CLASSES)
        return fail(err, CSEG_CONFIG, "%s%zu classes are more than the %d that there can be", value_place(v, at), count,
                    MOST_CLASSES);
    *out = names;
    *n = (int64_t)count;
    return CSEG_OK;
}

static cseg_status read_palette(const value *v, arena *mem, const uint8_t **out, int64_t *n, cseg_error *err)
{
    char at[512];
    size_t count = value_count(v);
    uint8_t *colours = ARENA_ARRAY(mem, 3 * (count + 1), uint8_t);
    if (!colours)
        return fail_memory(err);
    if (!value_is_list(v))
        return fail(err, CSEG_CONFIG, "%sthe palette is %s; give a list of [red, green, blue]", value_place(v, at),
                    value_kind_name(v));
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++) {
            int64_t level;
            const value *colour = value_item(v, i);
            if (!value_is_list(colour) || value_count(colour) != 3 || !value_integer(value_item(colour, c), &level) ||
                level < 0 || level > 255)
                return fail(err, CSEG_CONFIG, "%scolour %zu of the palette is no [red, green, blue] of 0 to 255",
                            value_place(v, at), i);
            colours[3 * i + c] = (uint8_t)level;
        }
    *out = colours;
    *n = (int64_t)count;
    return CSEG_OK;
}

static int64_t find_name(const char *const *names, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static bool same_names(const char *const *a, int64_t n_a, const char *const *b, int64_t n_b)
{
    if (n_a != n_b)
        return false;
    for (int64_t i = 0; i < n_a; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

/* Old id -> place of its name among the new classes, or REMOVED. */
static cseg_status map_labels(const dataset_kind *kind, const dataset_meta *meta, const value *at, arena *mem,
                              const value **out, cseg_error *err)
{
    char place[512];
    for (int64_t i = 0; i < meta->n_classes; i++)
        if (find_name(kind->classes, kind->n_classes, meta->classes[i]) < 0) {
            const char *near = str_nearest(meta->classes[i], kind->classes, (size_t)kind->n_classes);
            return fail(err, CSEG_CONFIG, "%s%s has no class '%s'%s%s%s; classes= chooses among those that it has",
                        value_place(at, place), kind->name, meta->classes[i], near ? "; did you mean '" : "",
                        near ? near : "", near ? "'?" : "");
        }
    value *map = value_new(mem, V_DICT, at->at);
    if (!map)
        return fail_memory(err);
    for (int i = 0; i < kind->n_classes; i++) {
        int64_t to = find_name(meta->classes, meta->n_classes, kind->classes[i]);
        char *key = arena_printf(mem, "%d", i);
        value *item = value_int(mem, to < 0 ? REMOVED : to, at->at);
        value *number = value_int(mem, i, at->at);
        if (!key || !item || !number || !value_set(mem, map, key, item))
            return fail_memory(err);
        map->as.dict.entry[map->as.dict.n - 1].key_value = number;
    }
    *out = map;
    return CSEG_OK;
}

/* The dataset's colours of the remaining classes, in the order of their new ids. */
static cseg_status pick_colours(const uint8_t *from, const dataset_kind *kind, const dataset_meta *meta, arena *mem,
                                const uint8_t **out, cseg_error *err)
{
    uint8_t *colours = ARENA_ARRAY(mem, 3 * (size_t)meta->n_classes + 3, uint8_t);
    if (!colours)
        return fail_memory(err);
    for (int64_t i = 0; i < meta->n_classes; i++)
        memcpy(colours + 3 * i, from + 3 * find_name(kind->classes, kind->n_classes, meta->classes[i]), 3);
    *out = colours;
    return CSEG_OK;
}

/* The reference takes any key in metainfo; one that nearly is a key that it looks for is a slip. */
void meaning_warn_slips(const value *metainfo)
{
    static const char *const known[] = {"classes", "palette"};
    char at[512];
    if (value_is_none(metainfo) || metainfo->kind != V_DICT)
        return;
    for (size_t i = 0; i < metainfo->as.dict.n; i++) {
        const char *key = metainfo->as.dict.entry[i].key;
        for (int k = 0; k < 2; k++)
            if (strcmp(key, known[k]) != 0 && str_distance(key, known[k]) <= 2)
                log_warn_once("%smetainfo: '%s' is looked for by nothing; is '%s' meant?",
                              value_place(metainfo->as.dict.entry[i].item, at), key, known[k]);
    }
}

/* Warns of classes that share a name: each table would have two rows of that name, and of the figures that are looked
 * up by name only the later would count. */
static void warn_doubles(const value *classes, const dataset_meta *meta)
{
    char at[512];
    for (int64_t i = 0; i < meta->n_classes; i++)
        for (int64_t k = 0; k < i; k++)
            if (strcmp(meta->classes[i], meta->classes[k]) == 0)
                log_warn_once("%sclass %lld and class %lld have one name, '%s'", value_place(classes, at), (long long)k,
                              (long long)i, meta->classes[i]);
}

cseg_status meaning_resolve(const dataset_kind *kind, const data_rules *rules, const value *classes,
                            const value *palette, arena *mem, dataset_meta *meta, cseg_error *err)
{
    char at[512];
    bool own = !value_is_none(classes);
    const uint8_t *colours = kind->palette ? kind->palette[0] : NULL;
    int64_t n_colours = colours ? kind->n_classes : 0;
    meta->classes = kind->classes;
    meta->n_classes = kind->n_classes;
    meta->label_map = NULL;
    if (own) {
        TRY(read_classes(classes, mem, &meta->classes, &meta->n_classes, err));
        warn_doubles(classes, meta);
        /* 0.x maps even if nothing changes, with the same result. */
        if (kind->n_classes && !same_names(meta->classes, meta->n_classes, kind->classes, kind->n_classes))
            TRY(map_labels(kind, meta, classes, mem, &meta->label_map, err));
    }
    if (!value_is_none(palette) && (!rules->own_colours_first || !kind->n_classes))
        TRY(read_palette(palette, mem, &colours, &n_colours, err));
    else if (!value_is_none(palette))
        log_warn_once("%spalette has no effect: %s has colours of its own, which this dialect takes",
                      value_place(palette, at), kind->name);
    /* A palette that stays as it is does so even where the classes are in another order. */
    if (meta->label_map && n_colours && (rules->colours_by_name || n_colours > meta->n_classes)) {
        if (n_colours < kind->n_classes)
            return fail(err, CSEG_CONFIG, "%s%lld colours in the palette for the %d classes of %s",
                        value_place(palette, at), (long long)n_colours, kind->n_classes, kind->name);
        TRY(pick_colours(colours, kind, meta, mem, &colours, err));
    } else if (n_colours == 0 && meta->n_classes) {
        uint8_t *drawn = ARENA_ARRAY(mem, 3 * (size_t)meta->n_classes, uint8_t);
        if (!drawn)
            return fail_memory(err);
        dataset_random_palette(meta->n_classes, drawn);
        colours = drawn;
    } else if (n_colours != meta->n_classes) {
        return fail(err, CSEG_CONFIG, "%s%lld colours in the palette, but %lld classes",
                    value_place(value_is_none(palette) ? classes : palette, at), (long long)n_colours,
                    (long long)meta->n_classes);
    }
    meta->palette = colours;
    return CSEG_OK;
}
