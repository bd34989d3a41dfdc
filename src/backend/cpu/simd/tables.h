/* The tables that body.h makes. */
#ifndef SIMD_TABLES_H
#define SIMD_TABLES_H

#include "backend/cpu/simd/simd.h"

extern const simd_table simd_table_generic;
extern const simd_table simd_table_avx2;
extern const simd_table simd_table_avx512;

#endif
