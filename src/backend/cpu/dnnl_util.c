#include "backend/cpu/dnnl_util.h"

cseg_status dnnl_failed(const node *n, const char *verb, dnnl_status_t code, cseg_error *err)
{
    if (code == dnnl_out_of_memory)
        return fail_memory(err);
    return fail(err, CSEG_UNSUPPORTED, "%s in %s: oneDNN cannot %s (code %d)", op_name(n->op),
                n->scope ? n->scope : "the model", verb, (int)code);
}

const_dnnl_memory_desc_t dnnl_wanted(const_dnnl_primitive_desc_t pd, int arg)
{
    return dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, arg);
}

dnnl_primitive_attr_t dnnl_attr_new(void)
{
    dnnl_primitive_attr_t attr = NULL;
    if (dnnl_primitive_attr_create(&attr) != dnnl_success)
        return NULL;
    if (dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) != dnnl_success) {
        dnnl_primitive_attr_destroy(attr);
        return NULL;
    }
    return attr;
}

static cseg_status add_slot(dnnl_op *op, cpu_backend *b, const node *n, int arg, const_dnnl_memory_desc_t md,
                            cseg_error *err)
{
    dnnl_status_t code = dnnl_memory_create(&op->memory[op->n], md, b->engine, DNNL_MEMORY_NONE);
    if (code != dnnl_success)
        return dnnl_failed(n, "describe its memory", code, err);
    op->arg[op->n++] = arg;
    return CSEG_OK;
}

cseg_status dnnl_op_init(dnnl_op *op, cpu_backend *b, const node *n, dnnl_primitive_desc_t pd, const int *args,
                         int n_args, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    *op = (dnnl_op){0};
    for (int i = 0; i < n_args; i++)
        TRY_DONE(add_slot(op, b, n, args[i], dnnl_wanted(pd, args[i]), err));
    const_dnnl_memory_desc_t pad = dnnl_wanted(pd, DNNL_ARG_SCRATCHPAD);
    op->scratch = pad ? dnnl_memory_desc_get_size(pad) : 0;
    if (op->scratch)
        TRY_DONE(add_slot(op, b, n, DNNL_ARG_SCRATCHPAD, pad, err));
    DNNL_TRY(dnnl_primitive_create(&op->primitive, pd), "make the kernel");
done:
    dnnl_primitive_desc_destroy(pd);
    if (status != CSEG_OK)
        dnnl_op_release(op);
    return status;
}

cseg_status dnnl_reorder_init(dnnl_op *op, cpu_backend *b, const node *n, const_dnnl_memory_desc_t from,
                              const_dnnl_memory_desc_t to, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr = dnnl_attr_new();
    if (!attr)
        return fail_memory(err);
    DNNL_TRY(dnnl_reorder_primitive_desc_create(&pd, from, b->engine, to, b->engine, attr), "reorder the weights");
    status = dnnl_op_init(op, b, n, pd, (int[]){DNNL_ARG_FROM, DNNL_ARG_TO}, 2, err);
done:
    dnnl_primitive_attr_destroy(attr);
    return status;
}

cseg_status dnnl_op_run(dnnl_op *op, cpu_backend *b, const node *n, void *const *addresses, void *scratchpad,
                        cseg_error *err)
{
    cseg_status status = CSEG_OK;
    dnnl_exec_arg_t args[DNNL_SLOTS];
    for (int i = 0; i < op->n; i++) {
        bool pad = op->arg[i] == DNNL_ARG_SCRATCHPAD;
        DNNL_TRY(dnnl_memory_set_data_handle(op->memory[i], pad ? scratchpad : addresses[i]), "bind its memory");
        args[i] = (dnnl_exec_arg_t){op->arg[i], op->memory[i]};
    }
    DNNL_TRY(dnnl_primitive_execute(op->primitive, b->stream, op->n, args), "run");
done:
    return status;
}

const_dnnl_memory_desc_t dnnl_op_desc(const dnnl_op *op, int arg)
{
    const_dnnl_memory_desc_t md = NULL;
    for (int i = 0; i < op->n && !md; i++)
        if (op->arg[i] == arg)
            dnnl_memory_get_memory_desc(op->memory[i], &md);
    return md;
}

cseg_status dnnl_op_share(dnnl_op *op, const dnnl_op *from, cpu_backend *b, const node *n, cseg_error *err)
{
    *op = (dnnl_op){.primitive = from->primitive, .shared = true, .scratch = from->scratch};
    for (int i = 0; i < from->n; i++)
        TRY(add_slot(op, b, n, from->arg[i], dnnl_op_desc(from, from->arg[i]), err));
    return CSEG_OK;
}

void dnnl_op_release(dnnl_op *op)
{
    for (int i = 0; i < op->n; i++)
        dnnl_memory_destroy(op->memory[i]);
    if (op->primitive && !op->shared)
        dnnl_primitive_destroy(op->primitive);
    *op = (dnnl_op){0};
}
