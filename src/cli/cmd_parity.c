/* cseg parity: prints one line of JSON a config, to be compared with the line of MMSegmentation. */
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "engine/setup/build.h"
#include "engine/verify/parity.h"
#include "graph/passes/passes.h"

typedef struct parity_args {
    const char *root, *backend, *passes, *precision, *size, *label;
    bool edge, fit;
    int64_t threads;
} parity_args;

typedef cseg_status parity_line(const char *path, const parity_options *o, FILE *out, cseg_error *err);

static parity_line *find_line(const char *what)
{
    if (strcmp(what, "config") == 0)
        return parity_config;
    if (strcmp(what, "model") == 0)
        return parity_model;
    return strcmp(what, "train") == 0 ? parity_train : NULL;
}

enum { SIDE_MAX = 1 << 14 };

static bool read_side(const char **text, int64_t *side)
{
    char *end;
    long v = **text >= '0' && **text <= '9' ? strtol(*text, &end, 10) : 0;
    if (v < 1 || v > SIDE_MAX)
        return false;
    *side = v;
    *text = end;
    return true;
}

/* "400x416" */
static cseg_status read_size(const char *text, parity_options *how, cseg_error *err)
{
    const char *at = text;
    if (read_side(&at, &how->h) && *at++ == 'x' && read_side(&at, &how->w) && !*at)
        return CSEG_OK;
    return fail(err, CSEG_USAGE, "--size is HEIGHTxWIDTH with sides from 1 to %d, as in 400x416, not '%s'", SIDE_MAX,
                text);
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    (void)mem;
    const parity_args *o = options;
    parity_line *line = find_line(args->at[0]);
    if (!line)
        return fail(err, CSEG_USAGE, "cseg parity compares config, model or train, not '%s'", args->at[0]);
    parity_options how = {.root = o->root, .label_all = o->label != NULL, .edge = o->edge, .fit = o->fit};
    if (o->size)
        TRY(read_size(o->size, &how, err));
    TRY(passes_from_text(o->passes ? o->passes : getenv("CSEG_PASSES"), &how.passes, err));
    cpu_options cpu = {.threads = (int)o->threads, .bf16 = common_is_bf16(o->precision)};
    TRY(build_backend(o->backend, &cpu, &how.backend, err));
    cseg_status status = CSEG_OK;
    for (size_t i = 1; i < args->n && status == CSEG_OK; i++) {
        status = line(args->at[i], &how, stdout, err);
        if (fflush(stdout) != 0 && status == CSEG_OK)
            status = fail_errno(err, "standard output", "write");
    }
    backend_free(how.backend);
    return status;
}

static const cli_option options[] = {
    {.names = "--root",
     .type = O_STR,
     .offset = offsetof(parity_args, root),
     .value = "DIR",
     .about = "where configs are looked for whose path does not exist"},
    {.names = "--backend",
     .type = O_STR,
     .offset = offsetof(parity_args, backend),
     .choices = "cpu|ref",
     .about = "what computes"},
    {.names = "--passes",
     .type = O_STR,
     .offset = offsetof(parity_args, passes),
     .value = "LIST",
     .about = "graph passes: none, or -NAME,-NAME to leave some out; default all, or CSEG_PASSES"},
    {.names = "--label",
     .type = O_STR,
     .offset = offsetof(parity_args, label),
     .choices = "all",
     .about = "all: every pixel has a class, none is ignored"},
    {.names = "--edge",
     .type = O_FLAG,
     .offset = offsetof(parity_args, edge),
     .about = "a map of borders (gt_edge_map) beside the labels, for models that learn from one"},
    {.names = "--fit",
     .type = O_FLAG,
     .offset = offsetof(parity_args, fit),
     .about = "the backbone's img_size is the images' size, for tables and codes of positions that fit one size"},
    {.names = "--size",
     .type = O_STR,
     .offset = offsetof(parity_args, size),
     .value = "HxW",
     .about = "of the images; default 96x128"},
    OPTION_THREADS(parity_args),
    OPTION_PRECISION(parity_args, "fp32"),
    OPTIONS_END,
};
const cli_command command_parity = {
    .name = "parity",
    .arguments = "config|model|train CONFIG...",
    .about = "print what agreement with the reference is judged by",
    .details = "One line of JSON for each config, with the keys of the reference's own lines: the resolved config; "
               "the state dict, logits, losses and gradients of the model; the losses of ten training steps. Weights "
               "and inputs are made from names, so nothing need be downloaded.",
    .min_args = 2,
    .max_args = -1,
    .computes = true,
    .options = options,
    .size = sizeof(parity_args),
    .run = run,
};
