#define SIMD_NAME(x) x##_generic
#define SIMD_TEXT "generic"
#include "backend/cpu/simd/tables.h"

#include "backend/cpu/simd/maps_body.h"
#include "backend/cpu/simd/winograd_body.h"
#include "backend/cpu/simd/winograd_strided_body.h"

#include "backend/cpu/simd/deform_body.h"

#include "backend/cpu/simd/depthwise_body.h"
#include "backend/cpu/simd/dropout_body.h"

#include "backend/cpu/simd/layer_norm_body.h"

#include "backend/cpu/simd/loss_body.h"
#include "backend/cpu/simd/masks_body.h"

#include "backend/cpu/simd/attention_body.h"

#include "backend/cpu/simd/norm_fixed_body.h"

#include "backend/cpu/simd/points_body.h"
#include "backend/cpu/simd/pool_body.h"

#include "backend/cpu/simd/transpose_body.h"

#include "backend/cpu/simd/unary_body.h"

#include "backend/cpu/simd/body.h"
