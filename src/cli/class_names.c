#include "cli/class_names.h"

#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "engine/dialect/experiment.h"
#include "engine/dialect/profile.h"

cseg_status class_names_config(const char *path, arena *mem, dataset_meta *out, cseg_error *err)
{
    experiment *e;
    TRY(experiment_load(path, NULL, 0, mem, &e, err));
    const value *cfg = experiment_meta(e);
    if (!cfg)
        return fail(err, CSEG_CONFIG, "%s: has no dataset, which would name the classes", path);
    TRY(dataset_meta_read(cfg, e->profile->data, mem, out, err));
    if (out->n_classes < 1)
        return fail(err, CSEG_CONFIG, "%s: its dataset names no classes; give --names", path);
    return CSEG_OK;
}

static cseg_status read_config(const char *path, arena *mem, mask_source *source, cseg_error *err)
{
    dataset_meta meta;
    TRY(class_names_config(path, mem, &meta, err));
    source->names = meta.classes;
    source->n_names = (int)meta.n_classes;
    return CSEG_OK;
}

cseg_status class_names_read(const names_args *asked, arena *mem, mask_source *source, cseg_error *err)
{
    if (asked->config && asked->names.n)
        return fail(err, CSEG_USAGE, "--names and --config both name the classes; give one of them");
    if (asked->config)
        return read_config(asked->config, mem, source, err);
    if (asked->names.n) {
        source->names = asked->names.at;
        source->n_names = (int)asked->names.n;
    }
    return CSEG_OK;
}

cseg_status class_rows_progress(void *unused, int64_t done, int64_t all, cseg_error *err)
{
    (void)unused;
    progress_show(&(progress){.done = done, .all = all, .what = "rows"});
    return interrupt_seen(NULL) ? fail(err, CSEG_INTERRUPTED, "stopped by a signal") : CSEG_OK;
}
