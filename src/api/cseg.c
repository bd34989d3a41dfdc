/* The public API, on top of the engine. */
#include "cseg/cseg.h"

#include <string.h>

#include "base/log.h"
#include "data/visual.h"
#include "engine/infer/infer.h"

const char *cseg_version(void)
{
    return CSEG_VERSION;
}

const char *cseg_status_name(cseg_status status)
{
    static const char *const names[] = {
        [CSEG_OK] = "ok",
        [CSEG_USAGE] = "usage",
        [CSEG_NOT_FOUND] = "not found",
        [CSEG_IO] = "input/output",
        [CSEG_CORRUPT] = "corrupt",
        [CSEG_CONFIG] = "config",
        [CSEG_SHAPE] = "shape",
        [CSEG_DATA] = "data",
        [CSEG_NO_MEMORY] = "out of memory",
        [CSEG_NUMERIC] = "numeric",
        [CSEG_UNSUPPORTED] = "unsupported",
        [CSEG_INTERRUPTED] = "interrupted",
    };
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

static struct {
    void (*receiver)(void *arg, cseg_log_level level, const char *text);
    void *arg;
} listener;

static void pass_on(void *arg, log_level level, const char *text)
{
    (void)arg;
    static const cseg_log_level levels[] = {[LOG_DEBUG] = CSEG_LOG_DEBUG,
                                            [LOG_INFO] = CSEG_LOG_INFO,
                                            [LOG_WARNING] = CSEG_LOG_WARNING,
                                            [LOG_ERROR] = CSEG_LOG_ERROR};
    listener.receiver(listener.arg, levels[level], text);
}

void cseg_log_to(void (*receiver)(void *arg, cseg_log_level level, const char *text), void *arg)
{
    log_set_sink(NULL, NULL);
    listener.receiver = receiver;
    listener.arg = arg;
    if (receiver)
        log_set_sink(pass_on, NULL);
}

/* ---- configs --------------------------------------------------------------------------------------------------- */

struct cseg_config {
    arena *mem;
    value *root;
};

cseg_status cseg_config_open(const char *path, const char *const *assignments, size_t n, cseg_config **out,
                             cseg_error *err)
{
    *out = NULL;
    arena *mem = arena_new();
    cseg_config *c = mem ? ARENA_NEW(mem, cseg_config) : NULL;
    cseg_status status = c ? config_load(path, mem, &c->root, err) : fail_memory(err);
    for (size_t i = 0; i < n && status == CSEG_OK; i++)
        status = config_override(c->root, assignments[i], mem, err);
    if (status != CSEG_OK) {
        arena_free(mem);
        return status;
    }
    c->mem = mem;
    *out = c;
    return CSEG_OK;
}

void cseg_config_close(cseg_config *config)
{
    if (config)
        arena_free(config->mem);
}

cseg_status cseg_config_python(cseg_config *config, const char **text, cseg_error *err)
{
    *text = value_python(config->mem, config->root);
    return *text ? CSEG_OK : fail_memory(err);
}

cseg_status cseg_config_json(cseg_config *config, const char **text, cseg_error *err)
{
    *text = value_json(config->mem, config->root, 2);
    return *text ? CSEG_OK : fail_memory(err);
}

/* ---- segmenting ------------------------------------------------------------------------------------------------ */

struct cseg_segmentor {
    arena *mem;
    infer *x;
    int head;
};

static cseg_status open_in(arena *mem, const char *config, const char *checkpoint,
                           const cseg_segmentor_options *options, cseg_segmentor *s, cseg_error *err)
{
    experiment *e;
    infer_options how = {.threads = options ? options->threads : 0};
    s->mem = mem;
    s->head = options ? options->head - 1 : -1;
    TRY(experiment_load(config, NULL, 0, mem, &e, err));
    TRY(infer_open(e, checkpoint, &how, mem, &s->x, err));
    int heads = infer_model(s->x)->n_heads;
    if (s->head < heads)
        return CSEG_OK;
    infer_close(s->x);
    return fail(err, CSEG_USAGE, "head %d was asked for, but the model gives %d map%s", s->head + 1, heads,
                heads == 1 ? "" : "s");
}

cseg_status cseg_segmentor_open(const char *config, const char *checkpoint, const cseg_segmentor_options *options,
                                cseg_segmentor **out, cseg_error *err)
{
    *out = NULL;
    arena *mem = arena_new();
    cseg_segmentor *s = mem ? ARENA_NEW(mem, cseg_segmentor) : NULL;
    cseg_status status = s ? open_in(mem, config, checkpoint, options, s, err) : fail_memory(err);
    if (status != CSEG_OK) {
        arena_free(mem);
        return status;
    }
    *out = s;
    return CSEG_OK;
}

void cseg_segmentor_close(cseg_segmentor *s)
{
    if (!s)
        return;
    infer_close(s->x);
    arena_free(s->mem);
}

int cseg_segmentor_class_count(const cseg_segmentor *s)
{
    return (int)infer_classes(s->x);
}

const char *cseg_segmentor_class_name(const cseg_segmentor *s, int id)
{
    return infer_class_name(s->x, id);
}

cseg_status cseg_segmentor_class_colour(const cseg_segmentor *s, int id, uint8_t rgb[3], cseg_error *err)
{
    if (id < 0 || id >= infer_classes(s->x))
        return fail(err, CSEG_USAGE, "there is no class %d: the model has %d", id, (int)infer_classes(s->x));
    memcpy(rgb, infer_palette(s->x) + 3 * id, 3);
    return CSEG_OK;
}

/* The map takes the prediction's pixels over. */
static void hand_out(prediction *p, cseg_map *out)
{
    bool small = p->labels.type == IMAGE_U8;
    *out = (cseg_map){.height = p->labels.h, .width = p->labels.w, .owner = p->labels.data};
    out->ids = small ? p->labels.data : NULL;
    out->ids32 = small ? NULL : p->labels.data;
    image_release(&p->scores);
}

cseg_status cseg_segment_file(cseg_segmentor *s, const char *image_path, cseg_map *out, cseg_error *err)
{
    infer_answer a;
    memset(&a, 0, sizeof a);
    memset(out, 0, sizeof *out);
    TRY(infer_image(s->x, image_path, NULL, s->head, false, &a, err));
    mem_free(a.holes);
    hand_out(&a.p, out);
    return CSEG_OK;
}

static cseg_status take_pixels(const cseg_pixels *from, image *to, cseg_error *err)
{
    TRY(image_new(from->height, from->width, from->channels, IMAGE_U8, to, err));
    int64_t row = from->row_bytes ? from->row_bytes : from->width * from->channels;
    if (row < from->width * from->channels)
        return fail(err, CSEG_USAGE, "row_bytes is %lld, a row of %lld pixels has %lld", (long long)row,
                    (long long)from->width, (long long)(from->width * from->channels));
    for (int64_t y = 0; y < from->height; y++)
        memcpy(image_u8(to, y, 0), from->bytes + y * row, (size_t)(from->width * from->channels));
    return CSEG_OK;
}

cseg_status cseg_segment_pixels(cseg_segmentor *s, const cseg_pixels *pixels, cseg_map *out, cseg_error *err)
{
    image copy = {0};
    prediction p;
    memset(&p, 0, sizeof p);
    memset(out, 0, sizeof *out);
    cseg_status status = take_pixels(pixels, &copy, err);
    if (status == CSEG_OK)
        status = infer_pixels(s->x, &copy, pixels->red_first, s->head, &p, err);
    if (status == CSEG_OK)
        hand_out(&p, out);
    else
        prediction_release(&p);
    image_release(&copy);
    return status;
}

void cseg_map_release(cseg_map *map)
{
    if (!map)
        return;
    mem_free(map->owner);
    memset(map, 0, sizeof *map);
}

cseg_status cseg_map_save(const cseg_segmentor *s, const cseg_map *map, const char *path, cseg_error *err)
{
    if (!map->ids)
        return fail(err, CSEG_UNSUPPORTED, "%s: maps of more than 256 classes do not fit an indexed PNG", path);
    image m = {.h = map->height, .w = map->width, .c = 1, .type = IMAGE_U8, .data = map->owner};
    return visual_write_palette(path, &m, infer_palette(s->x), infer_classes(s->x), err);
}
