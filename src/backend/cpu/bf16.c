/* Tells whether this CPU computes in bfloat16, and which tensors of a node may be stored as bfloat16. */
#include "backend/cpu/dnnl_util.h"
#include "backend/cpu/winograd.h"

static bool has_isa(unsigned wanted)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

bool backend_cpu_has_bf16(void)
{
    return has_isa(dnnl_cpu_isa_avx512_core_bf16);
}

bool backend_cpu_has_amx(void)
{
    return has_isa(dnnl_cpu_isa_avx512_core_amx);
}

port cpu_port(const backend *b, const node *n, bool is_output, int k)
{
    const cpu_backend *cpu = (const cpu_backend *)b;
    const cpu_op *op = cpu_op_of(cpu, n);
    unsigned bit = 1u << (k < 31 ? k : 31); /* a concat may have more inputs */
    if (!op || (op->takes_bf16 && !op->takes_bf16(cpu, n)))
        return PORT_F32;
    if ((is_output ? op->bf16_out : op->bf16_in) & bit)
        return PORT_BF16;
    unsigned either_out = op->either_out_of ? op->either_out_of(n) : op->either_out;
    return (is_output ? either_out : op->either_in) & bit ? PORT_EITHER : PORT_F32;
}
