/* later */
#include "backend/cpu/attention_parts.h"
const cpu_op cpu_op_attention_grad = {.prepare = NULL};
