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

cseg_status format_string_with(eval *ev, spot at, const format *f, const char *s, size_t n, strbuf *out);
cseg_status format_int_with(eval *ev, spot at, const format *f, int64_t i, strbuf *out);
cseg_status format_float_with(eval *ev, spot at, const format *f, double v, strbuf *out);

#endif
