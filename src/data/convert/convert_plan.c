#include "data/convert/convert_plan.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/outputs.h"
#include "base/text.h"

/* ---- sources -------------------------------------------------------------------------------------------------- */

static size_t count_sources(const converter *c)
{
    size_t n = 0;
    while (c->sources[n])
        n++;
    return n;
}

/* What must be given, for messages: "a folder that holds training.zip and test.zip, or each of them". */
static cseg_status tell_sources(const convert_plan *p, cseg_error *err)
{
    size_t n = count_sources(p->c);
    if (p->c->one_by_one || n == 1)
        return fail(err, CSEG_USAGE, "%s: give %s (%zu instead of %zu arguments)", p->c->name, p->c->about, n,
                    p->o->n_sources);
    return fail(err, CSEG_USAGE, "%s: give a folder that holds %s, or each of these %zu, in this order", p->c->name,
                p->c->about, n);
}

/* Files of the folder that fit `pattern` (folders and, at the end, a pattern), less those of sources before. */
static cseg_status list_source(convert_plan *p, int source, const char *const **paths, size_t *n, cseg_error *err)
{
    const char *pattern = p->c->sources[source], *root = p->o->sources[0];
    char *below = path_dir(p->mem, pattern), *dir = below ? path_join(p->mem, root, below) : NULL, **names = NULL;
    VEC(const char *) found = {0};
    size_t n_names = 0;
    if (!dir)
        return fail_memory(err);
    dir = strcmp(below, ".") == 0 ? arena_strdup(p->mem, root) : dir;
    if (dir && file_is_dir(dir))
        TRY(dir_list(dir, NULL, false, p->mem, &names, &n_names, err));
    for (size_t i = 0; i < n_names; i++) {
        bool earlier = false;
        for (int k = 0; k < source; k++)
            earlier |= fnmatch(p->c->sources[k], names[i], 0) == 0;
        if (earlier || fnmatch(path_base(pattern), names[i], FNM_PERIOD) != 0)
            continue;
        const char *path = path_join(p->mem, dir, names[i]);
        if (!path || !vec_push(p->mem, &found, path))
            return fail_memory(err);
    }
    *paths = found.at;
    *n = found.n;
    return CSEG_OK;
}

cseg_status convert_source(convert_plan *p, int source, const char *const **paths, size_t *n, cseg_error *err)
{
    const char *only = p->o->sources[0];
    size_t count = count_sources(p->c);
    bool listed = p->o->n_sources == 1 && !p->c->one_by_one && p->c->sources[source][0] && file_is_dir(only);
    if (listed) {
        TRY(list_source(p, source, paths, n, err));
        if (*n)
            return CSEG_OK;
        if (count > 1 && p->o->allow_partial)
            return CSEG_OK;
        if (count > 1)
            return fail(err, CSEG_NOT_FOUND, "%s: holds no %s, which %s needs; --allow-partial does without it", only,
                        p->c->sources[source], p->c->name);
    }
    /* The only archive may be unpacked already: then the folder stands for it. */
    *n = 1;
    *paths = &p->o->sources[p->o->n_sources == 1 ? 0 : source];
    return CSEG_OK;
}

static cseg_status check_sources(const convert_plan *p, cseg_error *err)
{
    const convert_options *o = p->o;
    size_t n = count_sources(p->c);
    bool folder = o->n_sources == 1 && !p->c->one_by_one && file_is_dir(o->sources[0]);
    for (size_t i = 0; i < o->n_sources; i++)
        if (!file_exists(o->sources[i]))
            return fail_errno(err, o->sources[i], "find");
    return o->n_sources == n || folder ? CSEG_OK : tell_sources(p, err);
}

cseg_status convert_open(convert_plan *p, const char *path, const archive **out, cseg_error *err)
{
    for (size_t i = 0; i < p->open.n; i++)
        if (strcmp(p->open.at[i]->path, path) == 0) {
            *out = p->open.at[i];
            return CSEG_OK;
        }
    TRY(archive_open(path, p->mem, out, err));
    return vec_push(p->mem, &p->open, *out) ? CSEG_OK : fail_memory(err);
}

/* ---- jobs ------------------------------------------------------------------------------------------------------- */

cseg_status convert_add(convert_plan *p, const archive *from, const archive_member *m, const convert_form *form,
                        const char *to, const char *name, cseg_error *err)
{
    if (!to || !name)
        return fail_memory(err);
    const char *below = *to ? arena_printf(p->mem, "%s/%s%s", to, name, form->ending)
                            : arena_printf(p->mem, "%s%s", name, form->ending);
    if (!below)
        return fail_memory(err);
    if (!archive_is_inside(below))
        return fail(err, CSEG_CORRUPT, "%s: '%.200s' would become '%.200s', which does not lie in the output",
                    from->path, m ? m->name : name, below);
    const char *out = path_join(p->mem, p->out, below);
    convert_job job = {.from = from, .member = m, .form = form, .out = out};
    return out && vec_push(p->mem, &p->jobs, job) ? CSEG_OK : fail_memory(err);
}

void convert_count(convert_plan *p, const char *what, int64_t found, int64_t wanted)
{
    if (wanted && found != wanted)
        strbuf_addf(&p->amiss, "%s%s: %" PRId64 " instead of %" PRId64, p->amiss.n ? "; " : "", what, found, wanted);
}

/* An output must be neither a source nor another output: two members that become one file, of which one would silently
 * be lost. */
static cseg_status check_outputs(const convert_plan *p, cseg_error *err)
{
    outputs *o = outputs_new(p->mem);
    const char *last = "";
    if (!o)
        return fail_memory(err);
    for (size_t i = 0; i < p->jobs.n; i++) {
        const convert_job *j = &p->jobs.at[i];
        bool folder = j->member && j->from->kind == ARCHIVE_FOLDER;
        const char *name = j->member ? archive_name(j->from, j->member, p->mem) : j->out;
        const char *source = folder ? name : j->from->path;
        if (!name)
            return fail_memory(err);
        if (strcmp(source, last) != 0)
            TRY(outputs_add_input(o, source, "the source", err));
        TRY(outputs_add(o, j->out, "what becomes of", name, err));
        last = source;
    }
    return outputs_check(o, "leave one of them out, or give another --out_dir", err);
}

static cseg_status check_counts(const convert_plan *p, cseg_error *err)
{
    if (p->amiss.failed)
        return fail_memory(err);
    if (p->jobs.n == 0)
        return fail(err, CSEG_DATA, "%s: holds nothing of %s, whose sources are: %s", p->o->sources[0], p->c->name,
                    p->c->about);
    if (!p->amiss.n)
        return CSEG_OK;
    if (p->c->insists && !p->o->allow_partial)
        return fail(err, CSEG_DATA, "%s: is not the whole dataset: %s. --allow-partial takes what there is",
                    p->o->sources[0], p->amiss.text);
    log_say(LOG_WARNING, "%s: is not the whole dataset: %s", p->o->sources[0], p->amiss.text);
    return CSEG_OK;
}

cseg_status convert_make_plan(convert_plan *p, cseg_error *err)
{
    p->amiss.mem = p->mem;
    TRY(check_sources(p, err));
    for (const convert_rule *r = p->c->rules; r && r->form; r++)
        TRY(convert_apply(p, r, err));
    if (p->c->plan)
        TRY(p->c->plan(p, err));
    TRY(check_counts(p, err));
    return check_outputs(p, err);
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

cseg_status convert_lines(const char *path, arena *mem, char ***lines, size_t *n, cseg_error *err)
{
    static const char space[] = " \t\r\n\f\v";
    VEC(char *) all = {0};
    char *text;
    size_t size;
    TRY(file_read(path, (size_t)64 << 20, mem, &text, &size, err));
    for (char *at = text, *end = text + size; at < end;) {
        size_t length = strcspn(at, "\n");
        char *line = at, *last = at + length;
        at += length + 1;
        line += strspn(line, space) < length ? strspn(line, space) : length;
        while (last > line && strchr(space, last[-1]))
            last--;
        *last = 0;
        if (last > line && !vec_push(mem, &all, line))
            return fail_memory(err);
    }
    *lines = all.at;
    *n = all.n;
    return CSEG_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

cseg_status convert_write_lines(const char *path, char **lines, size_t n, arena *mem, cseg_error *err)
{
    strbuf b = {.mem = mem};
    if (n)
        qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(lines[i - 1], lines[i]) != 0) {
            strbuf_add(&b, lines[i]);
            strbuf_add(&b, "\n");
        }
    if (!path || b.failed)
        return fail_memory(err);
    return file_replace_bytes(path, b.text ? b.text : "", b.n, mem, err);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

char *convert_stem(const char *member, arena *mem)
{
    const char *base = path_base(member);
    return arena_strndup(mem, base, strlen(base) - strlen(path_ext(base)));
}

char *convert_first(const char *member, arena *mem)
{
    const char *base = path_base(member);
    return arena_strndup(mem, base, strcspn(base, "."));
}

char *convert_path_first(const char *member, arena *mem)
{
    const char *base = path_base(member);
    return arena_strndup(mem, member, (size_t)(base - member) + strcspn(base, "."));
}

char *convert_without(const char *name, const char *part, arena *mem)
{
    strbuf b = {.mem = mem};
    size_t n = strlen(part);
    strbuf_add(&b, "");
    for (const char *at = name; *at;) {
        const char *next = strstr(at, part);
        strbuf_addn(&b, at, next ? (size_t)(next - at) : strlen(at));
        at = next ? next + n : at + strlen(at);
    }
    return b.failed ? NULL : b.text;
}
