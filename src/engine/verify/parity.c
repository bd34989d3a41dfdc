/* Prints the parity lines about a config and about its model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/verify/parity_session.h"

cseg_status parity_config(const char *path, const parity_options *o, FILE *out, cseg_error *err)
{
    parity_session s = {.options = o, .mem = arena_new()};
    cseg_error e = {0};
    if (!s.mem)
        return fail_memory(err);
    cseg_status status = parity_load_config(&s, path, &e);
    const char *json = status == CSEG_OK ? value_json(s.mem, s.config, 0) : NULL;
    parity_begin_line(&s, path, out);
    if (json)
        fprintf(out, ", \"resolved\": %s", json);
    else
        parity_print_error(out, "error", &e);
    return parity_end_line(&s, path, out, err);
}

static void print_state(const model *m, FILE *out)
{
    int64_t parameters = 0, n = 0;
    fputs(", \"state\": [", out);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        if (param_is_late(p))
            continue;
        fprintf(out, "%s[\"%s\", [", n++ ? ", " : "", p->name);
        for (int j = 0; j < p->rank; j++)
            fprintf(out, "%s%lld", j ? ", " : "", (long long)p->dim[j]);
        fprintf(out, "], \"%s\"]", dtype_name(p->type));
        parameters += p->role == PARAM_TRAINED ? p->count : 0;
    }
    fprintf(out, "], \"params\": %lld", (long long)parameters);
}

/* [pixels,k] to [k,pixels]. */
static float *to_planes(const float *nhwc, int64_t pixels, int64_t k)
{
    float *planes = mem_alloc((size_t)(k * pixels) * sizeof *planes);
    for (int64_t i = 0; planes && i < pixels; i++)
        for (int64_t c = 0; c < k; c++)
            planes[c * pixels + i] = nhwc[i * k + c];
    return planes;
}

static cseg_status print_logits(parity_session *s, FILE *out, cseg_error *err)
{
    parity_program p = {0};
    const tensor *shape = NULL;
    float *planes = NULL;
    cseg_status status;
    TRY_DONE(parity_compile_logits(s, &p, err));
    parity_fill(s, &p, "input", "label");
    TRY_DONE(plan_run(p.plan, err));
    const void *y;
    TRY_DONE(plan_get_output(p.plan, "logits", &y, &shape, err));
    planes = to_planes(y, s->h * s->w, shape->dim[3]);
    if (!planes) {
        status = fail_memory(err);
        goto done;
    }
    fprintf(out, ", \"logits\": {\"shape\": [1, %lld, %lld, %lld], ", (long long)shape->dim[3], (long long)s->h,
            (long long)s->w);
    parity_print_sample(out, "logits", planes, tensor_count(shape));
    fputc('}', out);
done:
    mem_free(planes);
    parity_release(&p);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(param *const *)a)->name, (*(param *const *)b)->name);
}

/* Gives the parameters that have a gradient, or those that have none, sorted by name. */
static size_t by_gradient(const parity_program *p, const model *m, bool gets_one, param **found)
{
    size_t n = 0;
    for (size_t i = 0; i < m->params.n; i++) {
        bool gets = false;
        for (size_t j = 0; j < p->graph->outputs.n && !gets; j++)
            gets = p->graph->outputs.at[j].grad_of == m->params.at[i];
        if (m->params.at[i]->role == PARAM_TRAINED && gets == gets_one)
            found[n++] = m->params.at[i];
    }
    qsort(found, n, sizeof *found, by_name);
    return n;
}

static void print_gradients(param *const *with, const void **grads, size_t n, const bool *chosen, FILE *out)
{
    bool first = true;
    char name[512];
    fputs(", \"grads\": {", out);
    for (size_t i = 0; i < n; i++) {
        if (!chosen[i])
            continue;
        snprintf(name, sizeof name, "grad:%s", with[i]->name);
        fprintf(out, "%s\"%s\": {", first ? "" : ", ", with[i]->name);
        parity_print_sample(out, name, grads[i], with[i]->count);
        fputc('}', out);
        first = false;
    }
    fputc('}', out);
}

static double length_of(param *const *with, const void **grads, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (int64_t j = 0; j < with[i]->count; j++)
            sum += (double)((const float *)grads[i])[j] * ((const float *)grads[i])[j];
    return sqrt(sum);
}

static cseg_status print_training(parity_session *s, FILE *out, cseg_error *err)
{
    parity_program p = {0};
    model *m = s->model;
    param **found = arena_array(s->mem, m->params.n, sizeof *found);
    bool *chosen = arena_array(s->mem, m->params.n, sizeof *chosen);
    const void **grads = arena_array(s->mem, m->params.n, sizeof *grads);
    cseg_status status;
    if (!found || !chosen || !grads)
        return fail_memory(err);
    TRY_DONE(parity_compile_loss(s, &p, err));
    parity_fill(s, &p, "input", "label");
    TRY_DONE(plan_run(p.plan, err));
    fputs(", \"train\": {\"losses\": ", out);
    TRY_DONE(parity_print_losses(&p, out, err));
    size_t n = by_gradient(&p, m, false, found);
    fputs(", \"no_grad\": [", out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", found[i]->name);
    n = by_gradient(&p, m, true, found);
    for (size_t i = 0; i < n; i++)
        TRY_DONE(model_view(m, found[i], found[i]->grad, s->mem, &grads[i], err));
    fputs("], \"grad_norm\": ", out);
    parity_print_number(out, length_of(found, grads, n));
    parity_choose("grads", n, chosen);
    print_gradients(found, grads, n, chosen, out);
    fputc('}', out);
done:
    parity_release(&p);
    return status;
}

cseg_status parity_model(const char *path, const parity_options *o, FILE *out, cseg_error *err)
{
    parity_session s = {.options = o, .mem = arena_new()};
    cseg_error e = {0};
    if (!s.mem)
        return fail_memory(err);
    cseg_status status = parity_load_model(&s, path, &e);
    parity_begin_line(&s, path, out);
    if (status != CSEG_OK) {
        parity_print_error(out, "error", &e);
        return parity_end_line(&s, path, out, err);
    }
    print_state(s.model, out);
    if (print_logits(&s, out, &e) != CSEG_OK)
        parity_print_error(out, "logits_error", &e);
    if (print_training(&s, out, &e) != CSEG_OK)
        parity_print_error(out, "train_error", &e);
    return parity_end_line(&s, path, out, err);
}
