/* op_top_places of so many rows that each is one thread's (radix.c cuts the rows instead). */
#ifndef CPU_TOP_PLACES_H
#define CPU_TOP_PLACES_H

#include "backend/cpu/cpu.h"

cseg_status top_places_of_rows(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err);

#endif
