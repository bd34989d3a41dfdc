/* Prints the parity line about ten steps of training. */
#include <stdlib.h>
#include <string.h>

#include "engine/train/optim/optimizer.h"
#include "engine/verify/parity_session.h"

enum { STEPS = 10 };

static cseg_status make_optimizer(parity_session *s, optimizer **out, cseg_error *err)
{
    const experiment *e = &s->about;
    if (!e->optimizer)
        return fail(err, CSEG_CONFIG, "the config has no optimizer");
    if (!e->groups)
        return fail(err, CSEG_UNSUPPORTED, "the optimizer constructor %s is not known", value_text(e->constructor));
    return optimizer_build(e->optimizer, e->paramwise, e->groups, s->model, s->mem, out, err);
}

/* Parameters without a gradient in the graph are not updated. */
static void note_used(optimizer *o, const graph *g)
{
    for (int64_t i = 0; i < o->n_entries; i++) {
        bool used = false;
        for (size_t j = 0; j < g->outputs.n && !used; j++)
            used = g->outputs.at[j].grad_of == o->entries[i].p;
        o->entries[i].used = used;
    }
}

static cseg_status run_steps(parity_session *s, optimizer *o, FILE *out, cseg_error *err)
{
    parity_program p = {0};
    cseg_status status;
    TRY_DONE(parity_compile_loss(s, &p, err));
    note_used(o, p.graph);
    fprintf(out, ", \"optimizer\": \"%s\", \"groups\": %d, \"curve\": [", o->type, o->n_groups);
    for (int t = 0; t < STEPS && status == CSEG_OK; t++) {
        char input[32], label[32];
        snprintf(input, sizeof input, "input:%d", t);
        snprintf(label, sizeof label, "label:%d", t);
        parity_fill(s, &p, input, label);
        status = plan_run(p.plan, err);
        if (status == CSEG_OK) {
            fputs(t ? ", " : "", out);
            status = parity_print_losses(&p, out, err);
            optimizer_step(o, 1);
        }
    }
    fputc(']', out);
done:
    parity_release(&p);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(param *const *)a)->name, (*(param *const *)b)->name);
}

static cseg_status print_state(parity_session *s, FILE *out, cseg_error *err)
{
    model *m = s->model;
    param **found = arena_array(s->mem, m->params.n, sizeof *found);
    bool *chosen = arena_array(s->mem, m->params.n, sizeof *chosen), first = true;
    if (!found || !chosen)
        return fail_memory(err);
    size_t n = 0;
    for (size_t i = 0; i < m->params.n; i++)
        if (m->params.at[i]->type == DT_F32)
            found[n++] = m->params.at[i];
    qsort(found, n, sizeof *found, by_name);
    parity_choose("state", n, chosen);
    fputs(", \"state\": {", out);
    for (size_t i = 0; i < n; i++) {
        if (!chosen[i])
            continue;
        char name[512];
        snprintf(name, sizeof name, "state:%s", found[i]->name);
        fprintf(out, "%s\"%s\": {\"moved\": ", first ? "" : ", ", found[i]->name);
        const void *values;
        TRY(model_view(m, found[i], found[i]->data, s->mem, &values, err));
        parity_print_number(out, parity_moved(found[i], values));
        fputs(", ", out);
        parity_print_sample(out, name, values, found[i]->count);
        fputc('}', out);
        first = false;
    }
    fputc('}', out);
    return CSEG_OK;
}

cseg_status parity_train(const char *path, const parity_options *o, FILE *out, cseg_error *err)
{
    parity_session s = {.options = o, .mem = arena_new()};
    optimizer *opt = NULL;
    cseg_error e = {0};
    if (!s.mem)
        return fail_memory(err);
    cseg_status status = parity_load_model(&s, path, &e);
    if (status == CSEG_OK)
        status = make_optimizer(&s, &opt, &e);
    parity_begin_line(&s, path, out);
    if (status == CSEG_OK)
        status = run_steps(&s, opt, out, &e);
    if (status == CSEG_OK)
        status = print_state(&s, out, &e);
    if (status != CSEG_OK)
        parity_print_error(out, "error", &e);
    return parity_end_line(&s, path, out, err);
}
