/* Finds the files of a dataset. */
#include <ctype.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "data/datasets/leaf.h"

/* Replaces every `old` by `new_`, as Python's str.replace does; an empty `old` only at the end, as suits a suffix. */
static char *replace_all(arena *mem, const char *text, const char *old, const char *new_)
{
    strbuf out = {.mem = mem};
    size_t n = strlen(old);
    strbuf_add(&out, "");
    for (const char *hit; n && (hit = strstr(text, old)); text = hit + n) {
        strbuf_addn(&out, text, (size_t)(hit - text));
        strbuf_add(&out, new_);
    }
    strbuf_add(&out, text);
    if (!n)
        strbuf_add(&out, new_);
    return out.failed ? NULL : out.text;
}

/* One sample's names before the folders are put in front. */
typedef struct names {
    const char *stem;     /* without img_suffix; NULL: listed from a folder as 0.x does, see relative */
    const char *relative; /* of the image */
    const char *relative2;
    const char *columns[5];
    int n_columns;
} names;

static char *map_name(const leaf *l, const names *s, const map_place *m, arena *mem)
{
    if (s->n_columns == 5 && !m->is_weight) {
        int column = str_ends(m->key, "_from") ? 3 : str_ends(m->key, "_to") ? 4 : 2;
        return arena_printf(mem, "%s%s", s->columns[column], m->suffix);
    }
    if (s->stem)
        return arena_printf(mem, "%s%s", s->stem, m->suffix);
    return replace_all(mem, s->relative, l->img_suffix, m->suffix);
}

static cseg_status put(const leaf *l, const names *s, int64_t i, arena *mem, leaf_files *out, cseg_error *err)
{
    out->image[i] = path_join(mem, l->img_dir, s->relative);
    if (!out->image[i])
        return fail_memory(err);
    if (out->image2) {
        out->image2[i] = path_join(mem, l->img_dir2, s->relative2 ? s->relative2 : s->relative);
        if (!out->image2[i])
            return fail_memory(err);
    }
    for (int m = 0; m < l->n_maps; m++) {
        char *name = map_name(l, s, &l->maps[m], mem);
        char *path = name ? path_join(mem, l->maps[m].dir, name) : NULL;
        if (!path)
            return fail_memory(err);
        out->maps[i * l->n_maps + m] =
            (dataset_map){.key = l->maps[m].key, .path = path, .is_weight = l->maps[m].is_weight};
    }
    return CSEG_OK;
}

static cseg_status make_room(const leaf *l, size_t n, arena *mem, leaf_files *out, cseg_error *err)
{
    *out = (leaf_files){.n = (int64_t)n};
    out->image = ARENA_ARRAY(mem, n + 1, const char *);
    out->image2 = l->img_dir2 ? ARENA_ARRAY(mem, n + 1, const char *) : NULL;
    out->maps = ARENA_ARRAY(mem, n * (size_t)l->n_maps + 1, dataset_map);
    if (!out->image || (l->img_dir2 && !out->image2) || !out->maps)
        return fail_memory(err);
    return CSEG_OK;
}

/* The last dot of the last part of the path, as os.path.splitext sees it; the end if there is none. */
static size_t stem_length(const char *path)
{
    return strlen(path) - strlen(path_ext(path));
}

/* ---- lists --------------------------------------------------------------------------------------------------- */

/* A line's names. False: memory. */
static bool read_line(const leaf *l, char *line, names *s, arena *mem)
{
    *s = (names){.stem = line};
    if (l->five_columns) {
        char *save = NULL;
        for (char *word = strtok_r(line, " ", &save); word && s->n_columns < 5; word = strtok_r(NULL, " ", &save))
            s->columns[s->n_columns++] = word;
        if (s->n_columns == 5) {
            s->relative = arena_printf(mem, "%s%s", s->columns[0], l->img_suffix);
            s->relative2 = arena_printf(mem, "%s%s", s->columns[1], l->img_suffix2);
            s->stem = s->columns[0];
            return s->relative && s->relative2;
        }
    }
    const char *suffix = l->img_suffix, *suffix2 = l->img_suffix2 ? l->img_suffix2 : l->img_suffix;
    if (l->splits_extension && strchr(path_base(line), '.')) {
        suffix = suffix2 = arena_strdup(mem, path_ext(line));
        s->stem = arena_strndup(mem, line, stem_length(line));
        if (!suffix || !s->stem)
            return false;
    }
    s->relative = arena_printf(mem, "%s%s", s->stem, suffix);
    s->relative2 = arena_printf(mem, "%s%s", s->stem, suffix2);
    return s->relative && s->relative2;
}

static cseg_status from_list(const leaf *l, arena *mem, leaf_files *out, cseg_error *err)
{
    char at[512];
    const char **lines;
    size_t n, used = 0;
    if (!file_exists(l->list) || file_is_dir(l->list))
        return fail(err, CSEG_NOT_FOUND, "%s%s of %s: there is no file '%s'", value_place(l->at, at), l->list_key,
                    l->kind->name, l->list);
    TRY(leaf_read_lines(l->list, mem, &lines, &n, err));
    TRY(make_room(l, n, mem, out, err));
    for (size_t i = 0; i < n; i++) {
        char *line = (char *)lines[i];
        names s;
        while (isspace((unsigned char)*line))
            line++;
        for (size_t k = strlen(line); k > 0 && isspace((unsigned char)line[k - 1]); k--)
            line[k - 1] = 0;
        if (!*line)
            continue; /* an empty line names no image */
        if (!read_line(l, line, &s, mem))
            return fail_memory(err);
        if (l->five_columns && s.n_columns != 5 && s.n_columns != 1)
            return fail(err, CSEG_DATA,
                        "%s:%zu: %d names in this line; %s has one, or five: two images, the change "
                        "map, and both dates' maps",
                        l->list, i + 1, s.n_columns, l->kind->name);
        TRY(put(l, &s, (int64_t)used++, mem, out, err));
    }
    out->n = (int64_t)used;
    if (!used)
        return fail(err, CSEG_NOT_FOUND, "%s: the list names no image", l->list);
    return CSEG_OK;
}

/* ---- folders ------------------------------------------------------------------------------------------------- */

static cseg_status list_folder(const leaf *l, const char *dir, const char *key, const char *suffix, arena *mem,
                               char ***found, size_t *n, cseg_error *err)
{
    char at[512];
    if (!file_is_dir(dir))
        return fail(err, CSEG_NOT_FOUND, "%s%s of %s: there is no folder '%s'", value_place(l->at, at), key,
                    l->kind->name, dir);
    TRY(dir_list(dir, suffix, true, mem, found, n, err));
    if (*n)
        return CSEG_OK;
    char **others;
    size_t n_others;
    TRY(dir_list(dir, NULL, true, mem, &others, &n_others, err));
    if (!n_others)
        return fail(err, CSEG_NOT_FOUND, "%s%s of %s: the folder '%s' is empty", value_place(l->at, at), key,
                    l->kind->name, dir);
    return fail(err, CSEG_NOT_FOUND,
                "%sno file in '%s' ends in '%s', which %s takes for its images; there are %zu "
                "others, such as '%s': set img_suffix",
                value_place(l->at, at), dir, suffix, l->kind->name, n_others, others[0]);
}

/* Both dates are to have the same names. */
static cseg_status check_pairs(const leaf *l, char **first, size_t n, arena *mem, cseg_error *err)
{
    char at[512];
    char **second;
    size_t n2;
    TRY(list_folder(l, l->img_dir2, l->img_key2, l->img_suffix2, mem, &second, &n2, err));
    for (size_t i = 0; i < n || i < n2; i++) {
        int order = i >= n ? 1 : i >= n2 ? -1 : strcmp(first[i], second[i]);
        if (order != 0)
            return fail(err, CSEG_NOT_FOUND,
                        "%sthe images of the two dates do not pair: '%s' is in '%s', but not in "
                        "'%s'",
                        value_place(l->at, at), order < 0 ? first[i] : second[i], order < 0 ? l->img_dir : l->img_dir2,
                        order < 0 ? l->img_dir2 : l->img_dir);
    }
    return CSEG_OK;
}

static cseg_status from_folder(const leaf *l, arena *mem, leaf_files *out, cseg_error *err)
{
    char **found;
    size_t n;
    TRY(list_folder(l, l->img_dir, l->img_key, l->img_suffix, mem, &found, &n, err));
    /* mmseg's own pairs assume that the second date's file exists; it is checked later, as all files are. */
    if (l->img_dir2 && !l->splits_extension)
        TRY(check_pairs(l, found, n, mem, err));
    TRY(make_room(l, n, mem, out, err));
    for (size_t i = 0; i < n; i++) {
        names s = {.relative = found[i]};
        if (l->splits_extension)
            s.stem = arena_strndup(mem, found[i], stem_length(found[i]));
        else if (l->cuts_suffix)
            s.stem = arena_strndup(mem, found[i], strlen(found[i]) - strlen(l->img_suffix));
        if (!s.stem && (l->splits_extension || l->cuts_suffix))
            return fail_memory(err);
        TRY(put(l, &s, (int64_t)i, mem, out, err));
    }
    return CSEG_OK;
}

/* ---- indices ------------------------------------------------------------------------------------------------- */

static void move_sample(leaf_files *to, int64_t i, const leaf_files *from, int64_t k, int n_maps)
{
    to->image[i] = from->image[k];
    if (to->image2)
        to->image2[i] = from->image2[k];
    if (n_maps)
        memcpy(to->maps + i * n_maps, from->maps + k * n_maps, (size_t)n_maps * sizeof *to->maps);
}

/* An integer takes so many from the beginning (or, negative, from the end); a list takes the samples that it names. */
static cseg_status take_indices(const leaf *l, arena *mem, leaf_files *files, cseg_error *err)
{
    char at[512];
    int64_t few;
    const value *which = l->indices;
    leaf_files all = *files;
    if (value_is_none(which))
        return CSEG_OK;
    if (!value_is_list(which)) {
        if (!value_integer(which, &few))
            return fail(err, CSEG_CONFIG, "%sindices is %s; give a number, or a list of numbers",
                        value_place(which, at), value_kind_name(which));
        int64_t n = few < 0 ? (few < -all.n ? all.n : -few) : (few > all.n ? all.n : few);
        for (int64_t i = 0; few < 0 && i < n; i++)
            move_sample(files, i, &all, all.n - n + i, l->n_maps);
        files->n = n;
        return CSEG_OK;
    }
    TRY(make_room(l, value_count(which), mem, files, err));
    for (int64_t i = 0; i < files->n; i++) {
        int64_t k;
        if (!value_integer(value_item(which, (size_t)i), &k) || k >= all.n || k < -all.n)
            return fail(err, CSEG_CONFIG, "%sindices[%lld] is no number of a sample; there are %lld",
                        value_place(which, at), (long long)i, (long long)all.n);
        move_sample(files, i, &all, k < 0 ? k + all.n : k, l->n_maps);
    }
    return CSEG_OK;
}

cseg_status leaf_list(const leaf *l, arena *mem, leaf_files *out, cseg_error *err)
{
    if (l->list)
        TRY(from_list(l, mem, out, err));
    else
        TRY(from_folder(l, mem, out, err));
    return take_indices(l, mem, out, err);
}
