#include "base/str.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_addn(strbuf *b, const char *s, size_t n)
{
    if (b->failed)
        return;
    if (n >= b->cap - b->n || !b->text) {
        char *p = arena_grow(b->mem, b->text, b->n, &b->cap, b->n + n + 1, 1);
        if (!p) {
            b->failed = true;
            return;
        }
        b->text = p;
    }
    memcpy(b->text + b->n, s, n);
    b->n += n;
    b->text[b->n] = 0;
}

void strbuf_add(strbuf *b, const char *s)
{
    strbuf_addn(b, s, strlen(s));
}

void strbuf_addf(strbuf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof small) {
        strbuf_addn(b, small, (size_t)n);
    } else if (n >= 0) {
        char *p = arena_alloc(b->mem, (size_t)n + 1);
        if (p) {
            vsnprintf(p, (size_t)n + 1, fmt, again);
            strbuf_addn(b, p, (size_t)n);
        } else {
            b->failed = true;
        }
    }
    va_end(again);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

enum { LONGEST_NAME = 63 };

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

int str_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > LONGEST_NAME || m > LONGEST_NAME)
        return LONGEST_NAME;
    int d[LONGEST_NAME + 1][LONGEST_NAME + 1];
    for (size_t i = 0; i <= n; i++)
        d[i][0] = (int)i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            int cost = a[i - 1] != b[j - 1];
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[n][m];
}

const char *str_nearest(const char *s, const char *const *names, size_t n)
{
    const char *best = NULL;
    int limit = (int)strlen(s) / 3 + 1, least = limit + 1;
    for (size_t i = 0; i < n; i++) {
        int d = str_distance(s, names[i]);
        if (d < least) {
            least = d;
            best = names[i];
        }
    }
    return best;
}

void str_double(double v, char out[static 32])
{
    if (isnan(v)) {
        strcpy(out, "nan");
        return;
    }
    if (isinf(v)) {
        strcpy(out, v < 0 ? "-inf" : "inf");
        return;
    }
    char digits[40];
    int precision = 1;
    for (; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision - 1, v);
        if (strtod(digits, NULL) == v)
            break;
    }
    int exponent = atoi(strchr(digits, 'e') + 1);
    /* Python writes an exponent below 1e-4 and from 1e16 upwards. */
    if (exponent < -4 || exponent >= 16) {
        char mantissa[40];
        snprintf(mantissa, sizeof mantissa, "%.*s", (int)(strchr(digits, 'e') - digits), digits);
        snprintf(out, 32, "%.24se%c%02d", mantissa, exponent < 0 ? '-' : '+', abs(exponent) % 1000);
        return;
    }
    int decimals = precision - 1 - exponent;
    snprintf(out, 32, "%.*f", decimals < 1 ? 1 : decimals, v);
}

unsigned long long str_fnv1a64(const void *data, size_t n)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001B3u;
    return h;
}
