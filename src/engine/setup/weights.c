#include "engine/setup/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "engine/setup/weights_bands.h"
#include "engine/setup/weights_fit.h"
#include "graph/memory.h"
#include "io/net/fetch.h"
#include "io/torch/convert/weights_convert.h"

typedef struct loading {
    model *m;
    pth *file;
    arena *mem;
    const char *part, *prefix;
    const value *revise;
    const module *owner;         /* of pretrained weights; NULL: a checkpoint, which is taken as it is */
    const pretrained_form *form; /* of its kind; NULL: as they are */
    const weight_bands *adapt;   /* how a file for another number of bands is taken; NULL: it is not */
    bool *reads_image;           /* [params.n]: weights that read the image; NULL: not looked for yet */
    bool failed;                 /* out of memory */
    strbuf missing, unexpected, misshaped, odd, fitted, adapted;
    int n_missing, n_unexpected, n_misshaped, n_odd, n_fitted, n_adapted, n_taken, n_averages;
    int n_bands;      /* of the misshaped ones: those that `adapt` would take */
    int64_t bands[2]; /* of the file and of the model, where they differ */
    int n_places;     /* of the misshaped ones: positions, which `places` would fit as pretrained weights */
    const module *places;
} loading;

enum { LISTED = 8 };

static void list(strbuf *b, int *n, const char *text)
{
    ++*n;
    if (*n <= LISTED)
        strbuf_addf(b, "%s%s", *n > 1 ? ", " : "", text);
    else if (*n == LISTED + 1)
        strbuf_add(b, ", ...");
}

/* Returns the length of the match of `pattern` at the front of `key`, or -1. A pattern is ^ (or nothing, which means
 * the same), then literal characters, escaped ones, and dots. */
static int match(const char *pattern, const char *key)
{
    const char *k = key;
    for (const char *p = pattern + (*pattern == '^'); *p; p++, k++) {
        bool any = *p == '.';
        if (*p == '\\')
            p++;
        if (!*k || (!any && *p != *k))
            return -1;
    }
    return (int)(k - key);
}

/* Python's other regular expressions are refused rather than misread. */
static cseg_status check_patterns(const value *revise, cseg_error *err)
{
    char place[512];
    for (size_t i = 0; i < value_count(revise); i++) {
        const value *pair = value_item(revise, i);
        const char *p = value_text(value_item(pair, 0));
        if (!p || !value_text(value_item(pair, 1)))
            return fail(err, CSEG_CONFIG, "%srevise_keys is a list of (pattern, replacement)",
                        value_place(pair, place));
        for (const char *c = p + (*p == '^'); *c; c++) {
            bool escaped = *c == '\\' && c[1];
            c += escaped;
            if (escaped ? strchr("AbBdDsSwWZ0123456789", *c) != NULL : strchr("*+?()[]{}|$^", *c) != NULL)
                return fail(err, CSEG_UNSUPPORTED,
                            "%sthe pattern '%s' of revise_keys is not understood: only '^', plain "
                            "characters, '\\.' and '.' are",
                            value_place(pair, place), p);
        }
    }
    return CSEG_OK;
}

static const char *revised(const loading *l, const char *key)
{
    for (size_t i = 0; key && i < value_count(l->revise); i++) {
        const value *pair = value_item(l->revise, i);
        int n = match(value_text(value_item(pair, 0)), key);
        if (n >= 0)
            key = arena_printf(l->mem, "%s%s", value_text(value_item(pair, 1)), key + n);
    }
    return key;
}

/* The name of the tensor in the first of the children that the file fills; NULL: none of them has it. */
static const char *name_in_child(loading *l, const char *key)
{
    for (const char *const *child = l->form->fills; *child; child++) {
        const char *name = arena_printf(l->mem, "%s.%s.%s", l->part, *child, key);
        l->failed |= !name;
        if (!name || model_find(l->m, name))
            return name;
    }
    return NULL;
}

/* Returns the model's name for a key of the file; NULL: the key is not wanted. */
static const char *model_name(loading *l, const char *key)
{
    /* DataParallel puts this in front. */
    if (str_starts(key, "module."))
        key += strlen("module.");
    key = revised(l, key);
    if (key && l->prefix && *l->prefix) {
        size_t n = strlen(l->prefix) - (str_ends(l->prefix, ".") ? 1 : 0);
        if (strncmp(key, l->prefix, n) != 0 || key[n] != '.')
            return NULL;
        key += n + 1;
    }
    if (key && l->form && l->form->strips && str_starts(key, l->form->strips))
        key += strlen(l->form->strips);
    if (key && l->form && l->form->drops && strstr(key, l->form->drops))
        return NULL;
    if (key && l->form && l->form->fills)
        return name_in_child(l, key);
    if (key && *l->part)
        key = arena_printf(l->mem, "%s.%s", l->part, key);
    l->failed |= !key;
    return key;
}

/* In infinity and NaN all bits of the exponent are set. */
static bool all_finite(const float *v, int64_t n)
{
    uint32_t odd = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        odd |= (bits & 0x7f800000) == 0x7f800000;
    }
    return !odd;
}

/* What ops compute by themselves is compared and not taken: with another one the weights would mean something else. */
static cseg_status compare_constant(pth *file, const pth_tensor *t, const param *p, cseg_error *err)
{
    const int64_t *ours = param_constant(p);
    int64_t at = 0, *theirs = malloc((size_t)p->count * sizeof *theirs);
    if (!theirs)
        return fail_memory(err);
    cseg_status status = pth_tensor_i64(file, t, theirs, err);
    while (status == CSEG_OK && at < p->count && theirs[at] == ours[at])
        at++;
    if (status == CSEG_OK && at < p->count)
        status = fail(err, CSEG_SHAPE,
                      "%s: %s is another one than %s computes with: its number %lld is %lld, not %lld; leave it out of "
                      "the file if the weights beside it are in the usual order",
                      pth_path(file), t->name, p->owner && *p->owner ? p->owner : "the model", (long long)at,
                      (long long)theirs[at], (long long)ours[at]);
    free(theirs);
    return status;
}

cseg_status weights_take(const model *m, pth *file, const pth_tensor *t, const param *p, void *to, bool *odd,
                         cseg_error *err)
{
    if (odd)
        *odd = false;
    if (param_constant(p))
        return compare_constant(file, t, p, err);
    backend *b = model_home(m, p);
    size_t bytes = (size_t)p->count * dtype_size(p->type);
    void *room = memory_open(b, to, bytes);
    if (!room)
        return fail_memory(err);
    cseg_status status = p->type == DT_I64 ? pth_tensor_i64(file, t, room, err) : pth_tensor_f32(file, t, room, err);
    if (odd)
        *odd = status == CSEG_OK && p->type == DT_F32 && !all_finite(room, p->count);
    memory_close(b, to, room, bytes);
    return status;
}

/* The module with a form for pretrained weights that the parameter of this name belongs to; NULL: none has. */
static const module *fitting_module(const module *from, const char *name)
{
    size_t n = strlen(from->name);
    if (n > 0 && (strncmp(name, from->name, n) != 0 || name[n] != '.'))
        return NULL;
    if (from->kind && from->kind->pretrained && from->kind->pretrained->fit)
        return from;
    const module *found = NULL;
    for (size_t i = 0; !found && i < from->children.n; i++)
        found = fitting_module(from->children.at[i], name);
    return found;
}

/* A weight that reads images of another number of bands. */
static cseg_status is_of_other_bands(loading *l, const pth_tensor *t, const param *p, bool *yes, cseg_error *err)
{
    *yes = false;
    if (!weights_other_bands(l->m, t, p))
        return CSEG_OK;
    if (!l->reads_image) {
        l->reads_image = ARENA_ARRAY(l->mem, l->m->params.n, bool);
        if (!l->reads_image)
            return fail_memory(err);
        TRY(weights_find_image(l->m, l->reads_image, err));
    }
    for (size_t k = 0; k < l->m->params.n; k++)
        *yes |= l->m->params.at[k] == p && l->reads_image[k];
    if (*yes) {
        l->bands[0] = t->shape[1];
        l->bands[1] = p->dim[1];
    }
    return CSEG_OK;
}

/* A tensor of another shape: fitted where its class does so, adapted where that is asked for, else listed. */
static cseg_status take_other_shape(loading *l, const pth_tensor *t, param *p, cseg_error *err)
{
    char ours[256], theirs[256];
    bool fits, bands;
    TRY(is_of_other_bands(l, t, p, &bands, err));
    if (bands && l->adapt) {
        TRY(weights_adapt(l->m, l->file, t, p, l->adapt, err));
        l->n_taken++;
        list(&l->adapted, &l->n_adapted, p->name);
        return CSEG_OK;
    }
    l->n_bands += bands;
    TRY(weights_fit(l->owner, l->file, t, p, &fits, err));
    if (fits) {
        l->n_taken++;
        list(&l->fitted, &l->n_fitted, p->name);
        return CSEG_OK;
    }
    if (!l->owner) {
        const module *places = fitting_module(l->m->root, p->name);
        TRY(weights_could_fit(places, l->file, t, p, &fits, err));
        l->n_places += fits || (places && param_constant(p));
        l->places = places ? places : l->places;
    }
    pth_shape_text(p->rank, p->dim, ours);
    pth_shape_text(t->ndim, t->shape, theirs);
    char *text = arena_printf(l->mem, "%s (%s in the file, %s in the model)", p->name, theirs, ours);
    if (!text)
        return fail_memory(err);
    list(&l->misshaped, &l->n_misshaped, text);
    return CSEG_OK;
}

static cseg_status take(loading *l, const pth_tensor *t, param *p, cseg_error *err)
{
    bool same = t->ndim == p->rank;
    for (int i = 0; same && i < p->rank; i++)
        same = t->shape[i] == p->dim[i];
    if (!same)
        return take_other_shape(l, t, p, err);
    l->n_taken += !param_constant(p);
    bool odd;
    TRY(weights_take(l->m, l->file, t, p, p->data, &odd, err));
    if (odd)
        list(&l->odd, &l->n_odd, p->name);
    return CSEG_OK;
}

static bool is_below(const char *name, const char *part)
{
    size_t n = strlen(part);
    return n == 0 || (strncmp(name, part, n) == 0 && name[n] == '.');
}

/* Whether the file is to have the parameter. */
static bool below(const loading *l, const param *p)
{
    const char *const *child = l->form ? l->form->fills : NULL;
    if (!is_below(p->name, l->part))
        return false;
    while (child && *child && !is_below(p->name + strlen(l->part) + 1, *child))
        child++;
    return !child || *child;
}

static cseg_status take_all(loading *l, bool *seen, cseg_error *err)
{
    for (size_t i = 0; i < pth_count(l->file); i++) {
        const pth_tensor *t = pth_at(l->file, i);
        const char *name = model_name(l, t->name);
        param *p = name ? model_find(l->m, name) : NULL;
        if (p) {
            for (size_t k = 0; k < l->m->params.n; k++)
                seen[k] |= l->m->params.at[k] == p;
            TRY(take(l, t, p, err));
        } else if (str_starts(t->name, "ema_") && !strchr(t->name, '.')) {
            l->n_averages++; /* of mmcv's EMAHook */
        } else if (name) {
            list(&l->unexpected, &l->n_unexpected, t->name);
        }
    }
    for (size_t k = 0; k < l->m->params.n; k++) {
        const param *p = l->m->params.at[k];
        if (!seen[k] && below(l, p) && p->type == DT_F32)
            list(&l->missing, &l->n_missing, p->name);
    }
    return CSEG_OK;
}

/* Whether tensors would fit if the part's weights were sought below `backbone.`. */
static bool fits_below_backbone(const loading *l)
{
    static const char below[] = "backbone.";
    if (!*l->part || (l->prefix && *l->prefix))
        return false;
    for (size_t i = 0; i < pth_count(l->file); i++) {
        const char *key = pth_at(l->file, i)->name;
        const char *name =
            str_starts(key, below) ? arena_printf(l->mem, "%s.%s", l->part, key + sizeof below - 1) : NULL;
        if (name && model_find(l->m, name))
            return true;
    }
    return false;
}

/* Whether the weights are sought below a prefix that no tensor of the file has. */
static bool lacks_prefix(const loading *l)
{
    size_t n = l->prefix ? strlen(l->prefix) - str_ends(l->prefix, ".") : 0;
    for (size_t i = 0; n && i < pth_count(l->file); i++) {
        const char *key = pth_at(l->file, i)->name;
        if (strncmp(key, l->prefix, n) == 0 && key[n] == '.')
            return false;
    }
    return n > 0;
}

static cseg_status nothing_fits(const loading *l, cseg_error *err)
{
    const char *path = pth_path(l->file);
    const weight_source *source = weights_recognise(l->file);
    if (source)
        return fail(err, CSEG_SHAPE,
                    "%s: none of its %zu tensors fits this model: it has the names of %s (%s); `cseg convert-weights "
                    "%s NEW.pth` gives them those of MMSegmentation",
                    path, pth_count(l->file), source->name, source->about, path);
    if (fits_below_backbone(l))
        return fail(err, CSEG_SHAPE,
                    "%s: none of its %zu tensors fits this model: their names begin with 'backbone.'; "
                    "init_cfg=dict(type='Pretrained', checkpoint=..., prefix='backbone.') takes those",
                    path, pth_count(l->file));
    if (lacks_prefix(l))
        return fail(
            err, CSEG_SHAPE,
            "%s: none of its %zu tensors fits this model: no name begins with '%s', as those of %s do there; its "
            "first is %s",
            path, pth_count(l->file), l->prefix, *l->part ? l->part : "this model",
            pth_count(l->file) ? pth_at(l->file, 0)->name : "missing");
    return fail(err, CSEG_SHAPE,
                "%s: none of its %zu tensors fits this model; is it a checkpoint of another one? Its "
                "first is %s, the model's first %s",
                path, pth_count(l->file), pth_count(l->file) ? pth_at(l->file, 0)->name : "missing",
                l->m->params.n ? l->m->params.at[0]->name : "missing");
}

/* What to do where nothing but sizes of positions keeps the file from fitting; "": something else does. */
static const char *way_out(const loading *l, weights_mode mode)
{
    const char *text = "";
    if (l->n_bands > 0)
        return mode == WEIGHTS_EXACT
                   ? arena_printf(l->mem,
                                  "; they are for images of %lld bands, the model for %lld: `cseg convert-weights %s "
                                  "NEW.pth --adapt-bands %lld` adapts them",
                                  (long long)l->bands[0], (long long)l->bands[1], pth_path(l->file),
                                  (long long)l->bands[1])
                   : arena_printf(l->mem,
                                  "; %s for images of %lld bands, the model for %lld: adapt_in_channels='mean' (in "
                                  "init_cfg beside checkpoint, or at the top of the config) adapts them",
                                  l->n_bands == 1 ? "it is" : "they are", (long long)l->bands[0],
                                  (long long)l->bands[1]);
    if (l->n_places == 0 || l->n_places < l->n_misshaped)
        return text;
    if (mode == WEIGHTS_FINETUNE)
        text = arena_printf(l->mem,
                            "; they are positions of another size of images or windows: init_cfg=dict("
                            "type='Pretrained', checkpoint=..., prefix='%s') of %s resizes them",
                            l->places->name, l->places->name);
    else if (l->n_missing == 0)
        text = arena_printf(l->mem,
                            "; they are positions of another size of images or windows: give %s the sizes of its "
                            "training (img_size, pretrain_img_size, patch_size, window_size)",
                            l->places->name);
    return text;
}

static cseg_status judge(const loading *l, weights_mode mode, cseg_error *err)
{
    const char *path = pth_path(l->file);
    if (l->failed || l->missing.failed || l->unexpected.failed || l->misshaped.failed || l->odd.failed ||
        l->fitted.failed || l->adapted.failed)
        return fail_memory(err);
    if (l->n_taken == 0)
        return nothing_fits(l, err);
    const char *way = way_out(l, mode);
    if (!way)
        return fail_memory(err);
    if (mode == WEIGHTS_EXACT && (l->n_missing || l->n_misshaped))
        return fail(err, CSEG_SHAPE,
                    "%s: is a checkpoint of another model: %d tensors fit, %d are missing%s%s%s, %d have "
                    "another shape%s%s%s%s",
                    path, l->n_taken, l->n_missing, l->n_missing ? " (" : "", l->n_missing ? l->missing.text : "",
                    l->n_missing ? ")" : "", l->n_misshaped, l->n_misshaped ? " (" : "",
                    l->n_misshaped ? l->misshaped.text : "", l->n_misshaped ? ")" : "", way);
    if (l->n_fitted)
        log_say(LOG_INFO, "%s: %d tensors were fitted to this model's shapes: %s", path, l->n_fitted, l->fitted.text);
    if (l->n_adapted)
        log_say(LOG_INFO, "%s: what reads images of %lld bands was adapted to %lld: %s", path, (long long)l->bands[0],
                (long long)l->bands[1], l->adapted.text);
    if (l->n_averages)
        log_say(LOG_INFO, "%s: %d moving averages (ema_*) are not taken as weights", path, l->n_averages);
    if (l->n_missing)
        log_say(LOG_WARNING, "%s: %d tensors of the model are not in it: %s", path, l->n_missing, l->missing.text);
    if (l->n_unexpected)
        log_say(LOG_WARNING, "%s: %d of its tensors are not in the model: %s", path, l->n_unexpected,
                l->unexpected.text);
    if (l->n_odd)
        log_say(LOG_WARNING, "%s: %d of its tensors hold infinity or what is not a number: %s", path, l->n_odd,
                l->odd.text);
    const weight_source *source = l->n_missing && l->n_unexpected ? weights_recognise(l->file) : NULL;
    if (source)
        log_say(LOG_WARNING,
                "%s: has the names of %s; `cseg convert-weights %s NEW.pth` gives it those of MMSegmentation", path,
                source->name, path);
    if (l->n_misshaped)
        log_say(LOG_WARNING, "%s: %d tensors have another shape and are left out: %s%s", path, l->n_misshaped,
                l->misshaped.text, way);
    return CSEG_OK;
}

static cseg_status load(loading *l, weights_mode mode, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    arena *mem = l->mem = arena_new();
    if (!mem)
        return fail_memory(err);
    l->missing.mem = l->unexpected.mem = l->misshaped.mem = l->odd.mem = l->fitted.mem = l->adapted.mem = mem;
    l->form = l->owner && l->owner->kind ? l->owner->kind->pretrained : NULL;
    bool *seen = ARENA_ARRAY(mem, l->m->params.n + 1, bool);
    if (!seen) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(check_patterns(l->revise, err));
    TRY_DONE(take_all(l, seen, err));
    status = judge(l, mode, err);
done:
    arena_free(mem);
    return status;
}

cseg_status weights_load(model *m, pth *file, const char *part, const char *prefix, const value *revise,
                         weights_mode mode, cseg_error *err)
{
    return load(&(loading){.m = m, .file = file, .part = part, .prefix = prefix, .revise = revise}, mode, err);
}

/* The module of that full name; NULL: none. */
static const module *find_module(const module *from, const char *name)
{
    if (strcmp(from->name, name) == 0)
        return from;
    for (size_t i = 0; i < from->children.n; i++) {
        const module *found = find_module(from->children.at[i], name);
        if (found)
            return found;
    }
    return NULL;
}

/* l->file is opened from `spec`. */
static cseg_status load_spec(loading *l, const char *spec, weights_mode mode, cseg_error *err)
{
    cseg_status status;
    char *path;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    TRY_DONE(fetch_weights(spec, mem, &path, err));
    TRY_DONE(pth_open(path, mem, &l->file, err));
    log_say(LOG_INFO, "load checkpoint from %s", path);
    status = load(l, mode, err);
done:
    arena_free(mem);
    return status;
}

/* How the weights that a run begins with are adapted, as their place or else the config says; *out NULL: not. */
static cseg_status read_adapt(const model *m, const char *own, weight_bands *room, const weight_bands **out,
                              cseg_error *err)
{
    const char *text = own ? own : m->options.adapt_in_channels;
    *out = NULL;
    if (!text)
        return CSEG_OK;
    cseg_error why;
    if (weight_bands_parse(text, room, &why) != CSEG_OK)
        return fail(err, CSEG_CONFIG, "adapt_in_channels: %-s", why.text);
    *out = room;
    return CSEG_OK;
}

cseg_status weights_load_from(model *m, const char *spec, const value *revise, weights_mode mode, cseg_error *err)
{
    weight_bands how;
    loading l = {.m = m, .part = "", .revise = revise};
    if (mode == WEIGHTS_FINETUNE)
        TRY(read_adapt(m, NULL, &how, &l.adapt, err));
    return load_spec(&l, spec, mode, err);
}

cseg_status weights_load_pretrained(model *m, cseg_error *err)
{
    for (size_t i = 0; i < m->pretrained.n; i++) {
        const model_pretrained *p = &m->pretrained.at[i];
        loading l = {.m = m, .part = p->module, .prefix = p->prefix, .owner = find_module(m->root, p->module)};
        weight_bands how;
        cseg_status status = read_adapt(m, p->adapt, &how, &l.adapt, err);
        if (status == CSEG_OK)
            status = load_spec(&l, p->checkpoint, WEIGHTS_FINETUNE, err);
        if (status != CSEG_OK) {
            char place[512];
            return fail_within(err, "%spretrained weights of %s: ", value_place(p->at, place), p->module);
        }
    }
    return CSEG_OK;
}
