/* Which tensors of a node the kernels take as bfloat16. */
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

/* Bit k: input k. */
typedef struct ports {
    unsigned bf16_in, either_in, bf16_out, either_out;
} ports;

#define ALL (~0u)
/* Everything that is not here is float32: parameters, statistics, losses, and ops of the reference backend. */
static const ports table[OP_COUNT] = {
    /* The other inputs are weight and bias, in float32; a residual is added in either type. */
    [OP_conv2d] = {.bf16_in = 1, .either_in = 1 << 3, .either_out = 1},
    [OP_conv2d_grad_data] = {.bf16_in = 1, .bf16_out = 1},
    [OP_conv2d_grad_weight] = {.bf16_in = 3},
    [OP_matmul] = {.bf16_in = 3, .either_out = 1},
    [OP_batch_norm] = {.either_in = 1, .either_out = 1},
    [OP_batch_norm_grad] = {.either_in = 3, .either_out = 1},
    [OP_batch_norm_train] = {.either_in = 1 | 1 << 5, .either_out = 1},
    [OP_batch_norm_apply] = {.either_in = 1 | 1 << 5, .either_out = 1},
    [OP_batch_norm_train_grad] = {.either_in = 3 | 1 << 5, .either_out = 1 | 1 << 3},
    [OP_unary] = {.either_in = ALL, .either_out = ALL},
    [OP_unary_grad] = {.either_in = ALL, .either_out = ALL},
    [OP_binary] = {.either_in = ALL, .either_out = ALL},
    [OP_max_pool] = {.either_in = ALL, .either_out = ALL},
    [OP_max_pool_grad] = {.either_in = ALL, .either_out = ALL},
    [OP_resize] = {.either_in = ALL, .either_out = ALL},
    [OP_resize_grad] = {.either_in = ALL, .either_out = ALL},
    [OP_sum] = {.either_in = ALL, .either_out = ALL},
    [OP_concat] = {.either_in = ALL, .either_out = ALL},
    [OP_slice] = {.either_in = ALL, .either_out = ALL},
    [OP_slice_grad] = {.either_in = ALL, .either_out = ALL},
    [OP_reshape] = {.either_in = ALL, .either_out = ALL},
    [OP_dropout] = {.either_in = 1, .either_out = 1},
    [OP_dropout_grad] = {.either_in = 1, .either_out = 1},
    [OP_cast] = {.either_in = ALL, .either_out = ALL},
};

/* oneDNN 3.2's gradient of a dilated convolution's weights in bfloat16 reads outside its maps where the dilation is
 * near their size: it gave numbers of no meaning, or a segmentation fault. In float32 it does not. */
static bool is_sound(const cpu_backend *b, const node *n)
{
    const conv_attr *a = &n->attr.conv;
    return (a->dilation[0] == 1 && a->dilation[1] == 1) || wino_fits(b, n);
}

/* Whether the node has the kernel that the table speaks of. */
static bool is_here(const cpu_backend *b, const node *n)
{
    switch (n->op) {
    case OP_reshape: /* of what is no map it is a copy, by the reference backend */
        return n->in[0]->role == TENSOR_TEMP;
    case OP_dropout:
    case OP_dropout_grad:
        return n->in[0]->rank > 1;
    case OP_unary:
    case OP_unary_grad:
    case OP_binary:
        return cpu_takes_half(b, n);
    case OP_conv2d_grad_weight:
        return is_sound(b, n);
    default:
        return true;
    }
}

port cpu_port(const backend *b, const node *n, bool is_output, int k)
{
    const ports *p = &table[n->op];
    unsigned bit = 1u << (k < 31 ? k : 31); /* a concat may have more inputs */
    if (!is_here((const cpu_backend *)b, n))
        return PORT_F32;
    if ((is_output ? p->bf16_out : p->bf16_in) & bit)
        return PORT_BF16;
    return (is_output ? p->either_out : p->either_in) & bit ? PORT_EITHER : PORT_F32;
}
