#include "cli/infer_files.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/inputs.h"
#include "cli/pictures.h"

typedef struct search {
    const char *second;
    bool has_out; /* --out is a folder that exists; so below */
    dev_t dev;
    ino_t ino;
    arena *mem;
    infer_inputs *inputs;
} search;

static cseg_status add_input(const search *s, const char *path, const char *name, cseg_error *err)
{
    infer_input in = {.path = path, .name = name};
    if (s->second) {
        in.path2 = file_is_dir(s->second) ? path_join(s->mem, s->second, name) : s->second;
        if (!in.path2)
            return fail_memory(err);
    }
    return vec_push(s->mem, s->inputs, in) ? CSEG_OK : fail_memory(err);
}

static bool is_out(const search *s, const char *dir)
{
    struct stat st;
    return s->has_out && stat(dir, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino;
}

/* Whether a folder on the way from `folder` to folder/name, `folder` itself excluded, is --out. */
static cseg_status lies_in_out(const search *s, const char *folder, const char *name, bool *yes, cseg_error *err)
{
    *yes = false;
    for (size_t n = 0; s->has_out && !*yes && name[n]; n++) {
        if (name[n] != '/')
            continue;
        char *part = arena_strndup(s->mem, name, n), *dir = part ? path_join(s->mem, folder, part) : NULL;
        if (!dir)
            return fail_memory(err);
        *yes = is_out(s, dir);
    }
    return CSEG_OK;
}

static cseg_status add_folder(const search *s, const char *folder, const char *out, cseg_error *err)
{
    char **names;
    size_t n, before = s->inputs->n, results = 0;
    TRY(dir_list(folder, NULL, true, s->mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        bool result;
        if (!inputs_is_image(names[i]))
            continue;
        TRY(lies_in_out(s, folder, names[i], &result, err));
        results += result;
        char *path = result ? NULL : path_join(s->mem, folder, names[i]);
        if (!result && !path)
            return fail_memory(err);
        if (!result)
            TRY(add_input(s, path, names[i], err));
    }
    if (results)
        log_say(LOG_WARNING, "%s: is --out and lies in %s: the %zu images in it are taken for earlier results", out,
                folder, results);
    if (s->inputs->n == before)
        return fail(err, CSEG_NOT_FOUND, "%s: no image in this folder", folder);
    return CSEG_OK;
}

cseg_status infer_find(const str_list *args, const char *second, const char *out, arena *mem, infer_inputs *inputs,
                       cseg_error *err)
{
    search s = {.second = second, .mem = mem, .inputs = inputs};
    struct stat st;
    if (stat(out, &st) == 0 && S_ISDIR(st.st_mode)) {
        s.has_out = true;
        s.dev = st.st_dev;
        s.ino = st.st_ino;
    }
    for (size_t i = 2; i < args->n; i++) {
        const char *path = args->at[i];
        if (file_is_dir(path))
            TRY(add_folder(&s, path, out, err));
        else if (!file_exists(path) && !str_starts(path, "/vsi"))
            return fail(err, CSEG_NOT_FOUND, "%s: no such file or folder", path);
        else
            TRY(add_input(&s, path, path_base(path), err));
    }
    return CSEG_OK;
}

char *infer_output(const char *out, const infer_input *in, const char *head, const char *suffix, arena *mem)
{
    char *whole = head ? arena_printf(mem, "_%s%s", head, suffix) : arena_strdup(mem, suffix);
    return whole ? picture_name(out, in->name, whole, mem) : NULL;
}

/* A mask is a PNG or a GeoTIFF, which is known only when the image is opened, so both names count as outputs. */
static cseg_status plan_input(outputs *o, const infer_input *in, const infer_plan *plan, const char *head, arena *mem,
                              cseg_error *err)
{
    const struct {
        const char *suffix, *what;
        bool wanted;
    } all[] = {{".png", "the mask of", true},
               {".tif", "the mask of", true},
               {"_colour.png", "the coloured mask of", plan->pictures},
               {"_overlay.png", "the overlay of", plan->pictures},
               {"_scores.tif", "the scores of", plan->scores}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *path = all[i].wanted ? infer_output(plan->out, in, head, all[i].suffix, mem) : NULL;
        if (all[i].wanted && !path)
            return fail_memory(err);
        if (path)
            TRY(outputs_add(o, path, all[i].what, in->path, err));
    }
    return CSEG_OK;
}

static cseg_status add_all(outputs *o, const infer_inputs *inputs, const infer_plan *plan, const experiment *e,
                           const model *m, arena *mem, cseg_error *err)
{
    TRY(inputs_add_config(o, e->cfg, NULL, mem, err));
    TRY(outputs_add_input(o, e->path, "the config", err));
    TRY(outputs_add_input(o, plan->checkpoint, "the checkpoint", err));
    for (size_t i = 0; i < inputs->n; i++) {
        const infer_input *in = &inputs->at[i];
        TRY(outputs_add_input(o, in->path, "the image", err));
        if (in->path2)
            TRY(outputs_add_input(o, in->path2, "the second date's image", err));
        for (int head = 0; head < (plan->all_heads ? m->n_heads : 1); head++)
            TRY(plan_input(o, in, plan, plan->all_heads ? m->heads.at[head].name : NULL, mem, err));
    }
    return outputs_check(o, "give another --out, or segment them apart", err);
}

cseg_status infer_check_outputs(const infer_inputs *inputs, const infer_plan *plan, const experiment *e, const model *m,
                                cseg_error *err)
{
    arena *mem = arena_new();
    outputs *o = mem ? outputs_new(mem) : NULL;
    cseg_status status = o ? add_all(o, inputs, plan, e, m, mem, err) : fail_memory(err);
    arena_free(mem);
    return status;
}
