/* Runs one loss of a small model's head on numbers of the test's own. */
#ifndef ENGINE_LOSS_RIG_H
#define ENGINE_LOSS_RIG_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "base/random.h"
#include "config/config.h"
#include "graph/plan.h"
#include "model/heads/decode_head.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

typedef struct loss_rig {
    const char *head; /* text of the decode_head */
    const char *loss; /* its child: "loss_decode" or another */
    int rank;         /* of x, and of a target of numbers */
    const int64_t *dim;
    const float *x;
    const void *target;
    bool numbers;  /* the target is f32 of x's shape, not i32 without the last axis */
    bool weighted; /* there are weights of pixels, all 0 */
} loss_rig;

typedef struct loss_run_state {
    arena *mem;
    model *m;
    backend *b;
    graph *g;
    plan *p;
    cseg_error err;
} loss_run_state;

static inline void rig_check(const loss_run_state *r, cseg_status status)
{
    if (status != CSEG_OK)
        fail_msg("%s", r->err.text);
}

static inline void rig_release(loss_run_state *r)
{
    plan_free(r->p);
    graph_free(r->g);
    model_free(r->m);
    backend_free(r->b);
    arena_free(r->mem);
}

static inline module *rig_build(loss_run_state *r, const char *head)
{
    char text[1024];
    value *cfg = NULL;
    snprintf(text, sizeof text,
             "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=8),\n"
             "  decode_head=%s)\n",
             head);
    *r = (loss_run_state){.mem = arena_new()};
    rig_check(r, config_parse_text(text, "test.py", r->mem, &cfg, &r->err));
    rig_check(r, model_build(value_get(cfg, "model"), NULL, &r->m, &r->err));
    return module_child(r->m->root, "decode_head");
}

static inline double rig_loss(const loss_rig *c, bool cpu)
{
    loss_run_state r;
    const tensor *shape;
    const void *y;
    module *head = rig_build(&r, c->head);
    r.b = cpu ? backend_cpu_new(&(cpu_options){.threads = 3}) : backend_ref_new();
    r.g = graph_new(true);
    assert_true(head && module_child(head, c->loss) && r.b && r.g);
    loss_io io = {.x = graph_input(r.g, "x", DT_F32, c->rank, c->dim),
                  .target = graph_input(r.g, "label", c->numbers ? DT_F32 : DT_I32, c->rank - !c->numbers, c->dim),
                  .ignore_index = head->head->ignore_index};
    if (c->weighted)
        io.weight = op_fill(r.g, c->rank - 1, c->dim, 0);
    graph_add_output(r.g, "loss", loss_run(module_child(head, c->loss), r.g, &io));
    rig_check(&r, plan_build(r.g, r.b, &r.p, &r.err));
    memcpy(plan_input(r.p, "x", NULL), c->x, tensor_bytes(io.x));
    memcpy(plan_input(r.p, "label", NULL), c->target, tensor_bytes(io.target));
    rig_check(&r, plan_run(r.p, &r.err));
    rig_check(&r, plan_get_output(r.p, "loss", &y, &shape, &r.err));
    double v = (double)*(const float *)y;
    rig_release(&r);
    return v;
}

static inline void rig_assert(const loss_rig *c, double want)
{
    for (int cpu = 0; cpu < 2; cpu++) {
        double got = rig_loss(c, cpu);
        if (!(fabs(got - want) <= 1e-5 * fabs(want) + 1e-7))
            fail_msg("%s: %.9g instead of %.9g", c->head, got, want);
    }
}

#define RIG_FCN(loss, more)                                                                                            \
    "dict(type='FCNHead', in_channels=64, in_index=3, channels=8, num_classes=4, loss_decode=" loss more ")"

#endif
