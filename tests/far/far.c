#define _GNU_SOURCE
#include "far.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

typedef struct region {
    char *at;
    size_t bytes; /* asked for */
    size_t whole; /* pages */
    struct region *next;
} region;

/* One for the process: protection is too, and backends share their addresses. */
static struct {
    pthread_mutex_t lock;
    region *first;
    int open; /* calls that run now; pages are protected while there is none */
} far = {.lock = PTHREAD_MUTEX_INITIALIZER};

typedef struct far_backend {
    backend base;
    backend *cpu;
} far_backend;

static backend *cpu_of(const backend *b)
{
    return ((const far_backend *)b)->cpu;
}

/* ---- protection ------------------------------------------------------------------------------------------------- */

static void protect(const region *r, int how)
{
    if (mprotect(r->at, r->whole, how) != 0) {
        perror("far: mprotect");
        abort();
    }
}

static void begin(void)
{
    pthread_mutex_lock(&far.lock);
    if (far.open++ == 0)
        for (const region *r = far.first; r; r = r->next)
            protect(r, PROT_READ | PROT_WRITE);
    pthread_mutex_unlock(&far.lock);
}

static void end(void)
{
    pthread_mutex_lock(&far.lock);
    if (--far.open == 0)
        for (const region *r = far.first; r; r = r->next)
            protect(r, PROT_NONE);
    pthread_mutex_unlock(&far.lock);
}

static const region *region_of(const void *at)
{
    const char *p = at;
    for (const region *r = far.first; r; r = r->next)
        if (p >= r->at && p < r->at + r->whole)
            return r;
    return NULL;
}

static bool is_ours(const void *at, size_t bytes)
{
    pthread_mutex_lock(&far.lock);
    const region *r = region_of(at);
    bool good = r && (const char *)at + bytes <= r->at + r->bytes;
    pthread_mutex_unlock(&far.lock);
    return good;
}

static void expect(bool ours, const char *call, const void *at, size_t bytes)
{
    if (is_ours(at, bytes) == ours)
        return;
    fprintf(stderr, "far: %s was given %p and %zu bytes, which is %s memory\n", call, at, bytes,
            ours ? "not the backend's" : "not the host's");
    abort();
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)context;
    char text[160];
    const region *r = region_of(info->si_addr);
    int n = r ? snprintf(text, sizeof text, "far: the host touched byte %td of a buffer of %zu bytes, at %p\n",
                         (const char *)info->si_addr - r->at, r->bytes, info->si_addr)
              : snprintf(text, sizeof text, "signal %d at %p\n", sig, info->si_addr);
    if (write(STDERR_FILENO, text, (size_t)n) < 0)
        _exit(1);
    signal(sig, SIG_DFL);
    raise(sig);
}

/* At each allocation: a test's framework puts handlers of its own in between. */
static void watch_faults(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESETHAND};
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void *far_alloc(backend *b, size_t bytes, bool zeroed)
{
    (void)b;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = bytes / page * page + page;
    region *r = bytes < PTRDIFF_MAX - page ? mem_alloc(sizeof *r) : NULL;
    void *at = r ? mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (at == MAP_FAILED) {
        mem_free(r);
        return NULL;
    }
    watch_faults();
    if (!zeroed)
        memset(at, 0xff, whole); /* what is read before it is written is a NaN */
    *r = (region){.at = at, .bytes = bytes, .whole = whole};
    pthread_mutex_lock(&far.lock);
    if (far.open == 0)
        protect(r, PROT_NONE);
    r->next = far.first;
    far.first = r;
    pthread_mutex_unlock(&far.lock);
    return at;
}

static void far_free(backend *b, void *at)
{
    (void)b;
    if (!at)
        return;
    expect(true, "free", at, 0);
    pthread_mutex_lock(&far.lock);
    region **link = &far.first;
    while (*link && (*link)->at != at)
        link = &(*link)->next;
    region *r = *link;
    if (!r) {
        fprintf(stderr, "far: free was given %p, inside a buffer\n", at);
        abort();
    }
    *link = r->next;
    pthread_mutex_unlock(&far.lock);
    munmap(r->at, r->whole);
    mem_free(r);
}

static void far_set(backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    expect(true, "set", to, bytes);
    expect(false, "set", from, bytes);
    begin();
    memcpy(to, from, bytes);
    end();
}

static cseg_status far_get(backend *b, void *to, const void *from, size_t bytes, cseg_error *err)
{
    (void)b;
    (void)err;
    expect(true, "get", from, bytes);
    expect(false, "get", to, bytes);
    begin();
    memcpy(to, from, bytes);
    end();
    return CSEG_OK;
}

static void far_copy(backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    expect(true, "copy", to, bytes);
    expect(true, "copy", from, bytes);
    begin();
    memcpy(to, from, bytes);
    end();
}

static void far_fill(backend *b, void *at, uint8_t byte, size_t bytes)
{
    (void)b;
    expect(true, "fill", at, bytes);
    begin();
    memset(at, byte, bytes);
    end();
}

static cseg_status far_synchronise(backend *b, cseg_error *err)
{
    (void)b;
    (void)err;
    return CSEG_OK;
}

static const memory_calls far_memory = {.alloc = far_alloc,
                                        .free = far_free,
                                        .set = far_set,
                                        .get = far_get,
                                        .copy = far_copy,
                                        .fill = far_fill,
                                        .synchronise = far_synchronise};

/* ---- vector functions -------------------------------------------------------------------------------------------- */

static void expect_floats(const char *call, const float *at, int64_t n)
{
    expect(true, call, at, (size_t)n * sizeof *at);
}

static void far_sgd(backend *b, const sgd_part *parts, int64_t count)
{
    for (int64_t k = 0; k < count; k++) {
        expect_floats("sgd", parts[k].w, parts[k].n);
        expect_floats("sgd", parts[k].grad, parts[k].n);
        expect_floats("sgd", parts[k].buffer, parts[k].n);
    }
    begin();
    cpu_of(b)->vectors->sgd(cpu_of(b), parts, count);
    end();
}

static void far_adam(backend *b, const adam_part *parts, int64_t count)
{
    for (int64_t k = 0; k < count; k++) {
        expect_floats("adam", parts[k].w, parts[k].n);
        expect_floats("adam", parts[k].grad, parts[k].n);
        expect_floats("adam", parts[k].first, parts[k].n);
        expect_floats("adam", parts[k].second, parts[k].n);
        if (parts[k].largest)
            expect_floats("adam", parts[k].largest, parts[k].n);
    }
    begin();
    cpu_of(b)->vectors->adam(cpu_of(b), parts, count);
    end();
}

static void expect_parts(const char *call, const vector_part *parts, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        expect_floats(call, parts[k].at, parts[k].n);
}

static void far_scale(backend *b, const vector_part *parts, int64_t count, float by)
{
    expect_parts("scale", parts, count);
    begin();
    cpu_of(b)->vectors->scale(cpu_of(b), parts, count, by);
    end();
}

static void far_clamp(backend *b, const vector_part *parts, int64_t count, float most)
{
    expect_parts("clamp", parts, count);
    begin();
    cpu_of(b)->vectors->clamp(cpu_of(b), parts, count, most);
    end();
}

static void far_sum_powers(backend *b, const vector_part *parts, int64_t count, double p, double *out)
{
    expect_parts("sum_powers", parts, count);
    expect(false, "sum_powers", out, (size_t)count * sizeof *out);
    begin();
    cpu_of(b)->vectors->sum_powers(cpu_of(b), parts, count, p, out);
    end();
}

/* The functions of two arrays. */
static void far_add(backend *b, float *to, const float *x, int64_t n)
{
    expect_floats("add", to, n);
    expect_floats("add", x, n);
    begin();
    cpu_of(b)->vectors->add(cpu_of(b), to, x, n);
    end();
}

static void far_drain(backend *b, float *to, float *from, int64_t n, float by)
{
    expect_floats("drain", to, n);
    expect_floats("drain", from, n);
    begin();
    cpu_of(b)->vectors->drain(cpu_of(b), to, from, n, by);
    end();
}

static void far_lerp(backend *b, float *to, const float *x, int64_t n, double w)
{
    expect_floats("lerp", to, n);
    expect_floats("lerp", x, n);
    begin();
    cpu_of(b)->vectors->lerp(cpu_of(b), to, x, n, w);
    end();
}

static void far_blend(backend *b, float *to, const float *x, int64_t n, double w)
{
    expect_floats("blend", to, n);
    expect_floats("blend", x, n);
    begin();
    cpu_of(b)->vectors->blend(cpu_of(b), to, x, n, w);
    end();
}

static void far_exchange(backend *b, float *x, float *y, int64_t n)
{
    expect_floats("exchange", x, n);
    expect_floats("exchange", y, n);
    begin();
    cpu_of(b)->vectors->exchange(cpu_of(b), x, y, n);
    end();
}

static bool far_all_finite(backend *b, const void *x, dtype type, int64_t n)
{
    expect(true, "all_finite", x, (size_t)n * dtype_size(type));
    begin();
    bool finite = cpu_of(b)->vectors->all_finite(cpu_of(b), x, type, n);
    end();
    return finite;
}

static const vector_calls far_vectors = {.sgd = far_sgd,
                                         .adam = far_adam,
                                         .scale = far_scale,
                                         .clamp = far_clamp,
                                         .sum_powers = far_sum_powers,
                                         .add = far_add,
                                         .drain = far_drain,
                                         .lerp = far_lerp,
                                         .blend = far_blend,
                                         .exchange = far_exchange,
                                         .all_finite = far_all_finite};

/* ---- predictions ------------------------------------------------------------------------------------------------- */

static void expect_labels(const char *call, const void *at, dtype type, int64_t n)
{
    expect(true, call, at, (size_t)n * dtype_size(type));
}

static cseg_status far_answer(backend *b, const answer_rows *r, cseg_error *err)
{
    /* Rows of the answer that the maps hold: these, as they lie there. */
    int64_t low = (r->flip_y ? r->h - r->to : r->from) - r->first, n = (r->to - r->from) * r->w, at = low * r->w;
    expect_floats("answer", r->logits, r->ring * r->stride);
    if (r->labels)
        expect_labels("answer", (char *)r->labels + (size_t)at * dtype_size(r->label_type), r->label_type, n);
    if (r->scores)
        expect_floats("answer", r->scores + at * r->k, n * r->k);
    if (r->sum)
        expect_floats("answer", r->sum + at * r->k, n * r->k);
    if (r->confidence)
        expect(true, "answer", r->confidence + at, (size_t)n);
    if (r->y) {
        expect(false, "answer", r->y, (size_t)r->h * sizeof *r->y);
        expect(false, "answer", r->x, (size_t)r->w * sizeof *r->x);
    }
    begin();
    cseg_status status = cpu_of(b)->predictions->answer(cpu_of(b), r, err);
    end();
    return status;
}

static cseg_status far_add_window(backend *b, const window_sums *s, const window_part *part, cseg_error *err)
{
    expect_floats("add_window", s->at, s->rows * s->w * s->k);
    expect_floats("add_window", part->logits, part->h * part->w * s->k);
    if (part->weight_y) {
        expect(false, "add_window", part->weight_y, (size_t)part->h * sizeof *part->weight_y);
        expect(false, "add_window", part->weight_x, (size_t)part->w * sizeof *part->weight_x);
    }
    begin();
    cseg_status status = cpu_of(b)->predictions->add_window(cpu_of(b), s, part, err);
    end();
    return status;
}

static void far_divide_windows(backend *b, const window_sums *s, int64_t from, int64_t to, const float *weight_y,
                               const float *weight_x)
{
    expect_floats("divide_windows", s->at, s->rows * s->w * s->k);
    expect(false, "divide_windows", weight_y + from, (size_t)(to - from) * sizeof *weight_y);
    expect(false, "divide_windows", weight_x, (size_t)s->w * sizeof *weight_x);
    begin();
    cpu_of(b)->predictions->divide_windows(cpu_of(b), s, from, to, weight_y, weight_x);
    end();
}

static void far_average_views(backend *b, const view_sums *s)
{
    expect_floats("average_views", s->at, s->h * s->w * s->k);
    expect_labels("average_views", s->labels, s->label_type, s->h * s->w);
    begin();
    cpu_of(b)->predictions->average_views(cpu_of(b), s);
    end();
}

static const prediction_calls far_predictions = {.answer = far_answer,
                                                 .add_window = far_add_window,
                                                 .divide_windows = far_divide_windows,
                                                 .average_views = far_average_views};

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

typedef struct far_kernel {
    kernel base;
    kernel *cpu;
    const node *n;
} far_kernel;

static cseg_status check(const node *n, const tensor *t, const void *at, const char *what, cseg_error *err)
{
    if (!t || is_ours(at, tensor_bytes(t)))
        return CSEG_OK;
    return fail(err, CSEG_USAGE, "%s in %s: the memory of an %s is not the backend's", op_name(n->op),
                n->scope ? n->scope : "the model", what);
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    far_kernel *k = (far_kernel *)base;
    for (int i = 0; i < k->n->n_in; i++)
        TRY(check(k->n, k->n->in[i], in[i], "input", err));
    for (int i = 0; i < k->n->n_out; i++)
        TRY(check(k->n, k->n->out[i], out[i], "output", err));
    expect(true, "a kernel's run", scratch, base->scratch);
    begin();
    k->cpu->stale = base->stale;
    cseg_status status = k->cpu->run(k->cpu, in, out, scratch, err);
    base->stale = k->cpu->stale;
    end();
    return status;
}

static void release_kernel(kernel *base)
{
    kernel *cpu = ((far_kernel *)base)->cpu;
    if (cpu->release)
        cpu->release(cpu);
}

static cseg_status prepare(backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                           cseg_error *err)
{
    far_kernel *k = ARENA_NEW(mem, far_kernel);
    if (!k)
        return fail_memory(err);
    TRY(cpu_of(b)->prepare(cpu_of(b), n, s, mem, &k->cpu, err));
    k->n = n;
    k->base = *k->cpu;
    k->base.run = run;
    k->base.release = release_kernel;
    *out = &k->base;
    return CSEG_OK;
}

static port port_of(const backend *b, const node *n, bool is_output, int k)
{
    return cpu_of(b)->port_of(cpu_of(b), n, is_output, k);
}

static void enter(backend *b)
{
    cpu_of(b)->enter(cpu_of(b));
}

static void release(backend *b)
{
    backend_free(cpu_of(b));
    mem_free(b);
}

backend *far_new(const cpu_options *options)
{
    far_backend *f = mem_alloc(sizeof *f);
    if (!f)
        return NULL;
    f->cpu = backend_cpu_new(options);
    if (!f->cpu) {
        mem_free(f);
        return NULL;
    }
    f->base = (backend){.name = "far",
                        .memory = &far_memory,
                        .vectors = &far_vectors,
                        .predictions = &far_predictions,
                        .enter = enter,
                        .prepare = prepare,
                        .port_of = f->cpu->port_of ? port_of : NULL,
                        .release = release};
    return &f->base;
}
