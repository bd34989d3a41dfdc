/* cseg convert-weights: gives weights of other programs the names and shapes that MMSegmentation's models have. */
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/outputs.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/common.h"
#include "io/net/fetch.h"
#include "io/torch/convert/weight_bands.h"
#include "io/torch/convert/weights_convert.h"

typedef struct convert_weights_args {
    const char *model, *how;
    int64_t bands;
} convert_weights_args;

enum { LISTED = 8 };

/* "a, b and 3 more" */
static char *list(const char *const *names, size_t n, arena *mem)
{
    strbuf b = {.mem = mem};
    strbuf_add(&b, "");
    for (size_t i = 0; i < n && i < LISTED; i++)
        strbuf_addf(&b, "%s%.100s", i ? ", " : "", names[i]);
    if (n > LISTED)
        strbuf_addf(&b, " and %zu more", n - LISTED);
    return b.failed ? NULL : b.text;
}

/* Whether the names are MMSegmentation's already. */
static bool is_converted(const pth *file)
{
    captures c;
    for (size_t i = 0; i < pth_count(file); i++)
        if (weight_matches("*ffn.layers.*", pth_at(file, i)->name, &c))
            return true;
    return false;
}

/* Says what the file looks like, and by what the known ones are recognised. */
static cseg_status refuse(const pth *file, arena *mem, cseg_error *err)
{
    strbuf known = {.mem = mem};
    const char *names[LISTED] = {0};
    size_t n = 0;
    for (size_t i = 0; weights_source_at(i); i++)
        strbuf_addf(&known, "%s%s (%s)", i ? ", " : "", weights_source_at(i)->name, weights_source_at(i)->signs[0]);
    if (is_converted(file))
        return fail(err, CSEG_USAGE, "%s: has the names of MMSegmentation already; use it as it is", pth_path(file));
    for (; n < 3 && pth_at(file, n); n++)
        names[n] = pth_at(file, n)->name;
    char *first = list(names, n, mem);
    if (known.failed || !first)
        return fail_memory(err);
    return fail(
        err, CSEG_UNSUPPORTED,
        "%s: its %zu names (%s...) are none of those that are converted. These are known, each by a name like "
        "the one behind it (# is a number, * any text): %s. If it is one of them all the same, say which with --model",
        pth_path(file), pth_count(file), first, known.text);
}

static cseg_status write(const char *path, const weights_converted *w, arena *mem, cseg_error *err)
{
    pth_builder b = {.mem = mem};
    pth_value *dict = pth_ordered_dict(&b);
    const char *folder = path_dir(mem, path);
    for (size_t i = 0; i < w->kept.n; i++) {
        const weight *t = &w->kept.at[i];
        pth_set(&b, dict, t->name, pth_tensor_value(&b, t->type, t->ndim, t->shape, t->data));
    }
    if (!folder)
        return fail_memory(err);
    TRY(dir_create(folder, err));
    return str_ends(path, ".safetensors") ? pth_write_safetensors(path, &b, dict, err) : pth_write(path, &b, dict, err);
}

static cseg_status check_output(const char *from, const char *to, arena *mem, cseg_error *err)
{
    outputs *o = outputs_new(mem);
    if (!o)
        return fail_memory(err);
    TRY(outputs_add_input(o, from, "the weights", err));
    TRY(outputs_add(o, to, "the converted weights", NULL, err));
    return outputs_check(o, "give another DST", err);
}

/* ---- other numbers of bands ---- */

/* A file that has MMSegmentation's names already. */
static const weight_rule no_rules[] = {RULES_END};
static const weight_source as_it_is = {.name = "MMSegmentation", .about = "its names stay", .rules = no_rules};

/* Without a model nothing tells which convolution reads the image, but convolutions of 3 channels that look at their
 * neighbours, or the first one of all. */
static bool reads_colours(const weight *w, bool first)
{
    return w->ndim == 4 && w->shape[1] == 3 && (first || w->shape[2] > 1 || w->shape[3] > 1);
}

static cseg_status adapt(weight *w, const weight_bands *how, int64_t bands, arena *mem, cseg_error *err)
{
    enum { MOST = 1 << 28 }; /* numbers */
    int64_t count = w->count / 3;
    if (w->type != PTH_F32)
        return fail(err, CSEG_UNSUPPORTED, "%s holds %s; weights are adapted in float32", w->name,
                    pth_type_name(w->type));
    if (count > MOST / bands)
        return fail(err, CSEG_SHAPE, "%s: %lld bands of it would be more than %d numbers", w->name, (long long)bands,
                    (int)MOST);
    float *to = ARENA_ARRAY(mem, (size_t)(count * bands) + 1, float);
    if (!to)
        return fail_memory(err);
    if (weight_bands_apply(how, w->data, w->shape[0], 3, w->shape[2] * w->shape[3], bands, to, err) != CSEG_OK)
        return fail_within(err, "%s: ", w->name);
    w->shape[1] = bands;
    w->count = count * bands;
    w->data = to;
    return CSEG_OK;
}

static cseg_status adapt_all(weights_converted *all, const convert_weights_args *a, const char *path, arena *mem,
                             cseg_error *err)
{
    weight_bands how;
    const char *names[LISTED] = {0};
    size_t n = 0;
    bool first = true;
    if (weight_bands_parse(a->how ? a->how : "mean", &how, err) != CSEG_OK)
        return fail_within(err, "--how: ");
    for (size_t i = 0; i < all->kept.n; i++) {
        weight *w = &all->kept.at[i];
        bool reads = reads_colours(w, first);
        first &= w->ndim != 4;
        if (!reads)
            continue;
        if (n < LISTED)
            names[n] = w->name;
        n++;
        TRY(adapt(w, &how, a->bands, mem, err));
    }
    if (!n)
        return fail(err, CSEG_SHAPE, "%s: no convolution reads images of 3 bands: there is nothing to adapt", path);
    char *shown = list(names, n, mem);
    if (!shown)
        return fail_memory(err);
    log_say(LOG_INFO, "%s: adapted to %lld bands (%s): %s", path, (long long)a->bands, a->how ? a->how : "mean", shown);
    return CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const convert_weights_args *a = options;
    const char *to = args->at[1];
    char *path;
    pth *file;
    weights_converted out;
    if (a->how && !a->bands)
        return fail(err, CSEG_USAGE, "--how says how --adapt-bands N is done, which is missing");
    TRY(file_check_output(to, err));
    TRY(fetch_weights(args->at[0], mem, &path, err));
    TRY(check_output(path, to, mem, err));
    TRY(pth_open(path, mem, &file, err));
    const weight_source *s = a->model ? weights_source_named(a->model) : weights_recognise(file);
    if (!s && !a->bands)
        return refuse(file, mem, err);
    if (s)
        log_say(LOG_INFO, "%s: %s %s: %s", path, a->model ? "is taken for" : "has the names of", s->name, s->about);
    s = s ? s : &as_it_is;
    TRY(weights_convert(file, s, mem, &out, err));
    if (out.kept.n == 0)
        return fail(err, CSEG_UNSUPPORTED, "%s: none of its %zu tensors has a name of %s", path, pth_count(file),
                    s->name);
    if (a->bands)
        TRY(adapt_all(&out, a, path, mem, err));
    TRY(write(to, &out, mem, err));
    char *dropped = list(out.dropped.at, out.dropped.n, mem);
    if (!dropped)
        return fail_memory(err);
    text_fprintf(stdout, "%s: %zu tensors of %s written", to, out.kept.n, s->name);
    if (out.dropped.n)
        text_fprintf(stdout, ", %zu left out: %s", out.dropped.n, dropped);
    printf("\n");
    return CSEG_OK;
}

#define SOURCE(name) "|" #name
static const char sources[] =
#include "io/torch/convert/weight_sources.h"
    ;
#undef SOURCE

static const cli_option options[] = {
    {.names = "--model",
     .type = O_STR,
     .offset = offsetof(convert_weights_args, model),
     .value = "NAME",
     .choices = sources + 1,
     .about = "whose names SRC has; default: told from the names"},
    {.names = "--adapt-bands",
     .type = O_INT,
     .offset = offsetof(convert_weights_args, bands),
     .min = 1,
     .max = 4096,
     .about = "make the convolutions that read colours read images of so many bands"},
    {.names = "--how",
     .type = O_STR,
     .offset = offsetof(convert_weights_args, how),
     .value = "HOW",
     .about =
         "mean (default), repeat, zero (further bands start at 0), rgb-first=4,3,2 (these bands get the weights of "
         "red, green, blue; others start at 0)"},
    OPTIONS_END,
};

const cli_command command_convert_weights = {
    .name = "convert-weights",
    .arguments = "SRC DST",
    .about = "give weights of timm, CLIP, ... the names that MMSegmentation has",
    .details =
        "Does what MMSegmentation's tools/model_converters do, with the same names and values. SRC is a checkpoint, a "
        "safetensors or .npz file, an address or a name of a model zoo. DST is written as torch.save does, or as "
        "safetensors if it ends so.\n"
        "MAE's checkpoints have the names of vit; convert them with --model beit, as its config wants them.\n"
        "With --adapt-bands SRC may have the names of MMSegmentation already; the weights alone are written. Whatever "
        "--how says, an image whose bands are all alike gives the first convolution's old answer.",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .size = sizeof(convert_weights_args),
    .run = run,
};
