#include "data/scenes/scene_pool.h"

#include <pthread.h>
#include <string.h>

struct scene_file {
    const char *path, *grid; /* grid: of what is burnt; else NULL */
    const burn_options *how;
    const int64_t *bands; /* n_bands of them */
    size_t n_bands;
    arena *mem;
    raster *r; /* or */
    burner *b;
    struct scene_file *next; /* of the idle ones */
};

struct scene_pool {
    pthread_mutex_t lock;
    struct scene_file *idle; /* latest first */
    int n_idle, most_idle, open;
};

static void close_file(struct scene_file *f)
{
    arena_free(f->mem); /* the file itself is in it */
}

static void close_all(void *arg)
{
    scene_pool *p = arg;
    for (struct scene_file *f = p->idle, *next; f; f = next) {
        next = f->next;
        close_file(f);
    }
    pthread_mutex_destroy(&p->lock);
}

cseg_status scene_pool_new(int idle, arena *mem, scene_pool **out, cseg_error *err)
{
    scene_pool *p = ARENA_NEW(mem, scene_pool);
    if (!p)
        return fail_memory(err);
    p->most_idle = idle;
    pthread_mutex_init(&p->lock, NULL);
    if (!arena_defer(mem, close_all, p))
        return fail_memory(err);
    *out = p;
    return CSEG_OK;
}

static bool is_wanted(const struct scene_file *f, const struct scene_file *wanted)
{
    if (strcmp(f->path, wanted->path) != 0 || f->how != wanted->how || f->n_bands != wanted->n_bands ||
        (f->n_bands && memcmp(f->bands, wanted->bands, f->n_bands * sizeof *f->bands) != 0))
        return false;
    return !f->grid || strcmp(f->grid, wanted->grid) == 0;
}

static struct scene_file *find_idle(scene_pool *p, const struct scene_file *wanted)
{
    for (struct scene_file **at = &p->idle; *at; at = &(*at)->next)
        if (is_wanted(*at, wanted)) {
            struct scene_file *f = *at;
            *at = f->next;
            p->n_idle--;
            return f;
        }
    return NULL;
}

static cseg_status open_burner(struct scene_file *f, cseg_error *err)
{
    raster *grid;
    TRY(raster_open(f->grid, f->mem, &grid, err));
    cseg_status status = burner_open(f->path, f->how, f->grid, raster_describe(grid), f->mem, &f->b, err);
    raster_close(grid);
    return status;
}

static cseg_status open_file(const struct scene_file *wanted, struct scene_file **out, cseg_error *err)
{
    arena *mem = arena_new();
    struct scene_file *f = mem ? ARENA_NEW(mem, struct scene_file) : NULL;
    if (!f) {
        arena_free(mem);
        return fail_memory(err);
    }
    *f = *wanted;
    f->mem = mem;
    cseg_status status = f->how ? open_burner(f, err) : raster_open(f->path, mem, &f->r, err);
    if (status == CSEG_OK && f->n_bands)
        status = raster_select(f->r, f->bands, f->n_bands, err);
    if (status != CSEG_OK)
        arena_free(mem);
    *out = f;
    return status;
}

static cseg_status take(scene_pool *p, const struct scene_file *wanted, scene_loan *out, cseg_error *err)
{
    *out = (scene_loan){0};
    pthread_mutex_lock(&p->lock);
    struct scene_file *f = find_idle(p, wanted);
    pthread_mutex_unlock(&p->lock);
    if (!f) {
        TRY(open_file(wanted, &f, err));
        pthread_mutex_lock(&p->lock);
        p->open++;
        pthread_mutex_unlock(&p->lock);
    }
    *out = (scene_loan){f->r, f->b, f};
    return CSEG_OK;
}

cseg_status scene_pool_take(scene_pool *p, const char *path, const int64_t *bands, size_t n, scene_loan *out,
                            cseg_error *err)
{
    return take(p, &(struct scene_file){.path = path, .bands = bands, .n_bands = n}, out, err);
}

cseg_status scene_pool_take_burner(scene_pool *p, const char *path, const burn_options *how, const char *grid,
                                   scene_loan *out, cseg_error *err)
{
    return take(p, &(struct scene_file){.path = path, .grid = grid, .how = how}, out, err);
}

void scene_pool_give(scene_pool *p, scene_loan *loan, bool good)
{
    struct scene_file *f = loan->file, *last = f;
    *loan = (scene_loan){0};
    if (!f)
        return;
    pthread_mutex_lock(&p->lock);
    if (good) {
        f->next = p->idle;
        p->idle = f;
        last = NULL;
        if (++p->n_idle > p->most_idle) { /* the one that was given back longest ago goes */
            struct scene_file **at = &p->idle;
            while ((*at)->next)
                at = &(*at)->next;
            last = *at;
            *at = NULL;
            p->n_idle--;
        }
    }
    p->open -= last != NULL;
    pthread_mutex_unlock(&p->lock);
    if (last)
        close_file(last);
}

int scene_pool_open_files(scene_pool *p)
{
    pthread_mutex_lock(&p->lock);
    int n = p->open;
    pthread_mutex_unlock(&p->lock);
    return n;
}
