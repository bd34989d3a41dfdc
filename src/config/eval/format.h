/* Python's format specifications: [[fill]align][sign][#][0][width][,|_][.precision][type]. */
#ifndef CONFIG_EVAL_FORMAT_H
#define CONFIG_EVAL_FORMAT_H

#include "config/eval/eval.h"

enum { WIDEST_FIELD = 10000, MOST_DIGITS = 350 };

typedef struct format {
    char fill[5];
    char align; /* < > ^ =; 0: as the kind has it */
    char sign;  /* + - or space */
    char type;  /* 0: none */
    char group; /* , or _ or 0 */
    bool alternate, zero;
    int width, precision; /* precision -1: none */
} format;

#endif
