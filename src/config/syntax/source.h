/* The text of one config file, and error messages that point into it.
 *
 *     source source;
 *     TRY(source_open(&source, path, text, strlen(text), mem, err));
 *     return source_fail(&source, source_spot(&source, 0), CSEG_CONFIG, err, "is empty");
 */
#ifndef CONFIG_SYNTAX_SOURCE_H
#define CONFIG_SYNTAX_SOURCE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum { LARGEST_CONFIG = 1024 * 1024 };

typedef struct source {
    const char *name;     /* for messages; lives as long as the values that are made from it */
    const char *original; /* as written, newlines made \n */
    size_t original_n;
    const char *text; /* what is read: {{ }} are replaced */
    size_t n;
    const uint32_t *origin; /* for each byte of text (and its end) its place in `original`; NULL: the same place */
    const uint32_t *line;   /* where each line of `original` starts */
    size_t lines;
    const uint32_t *characters; /* before every STRIDE-th byte of `original`, so that columns cost no time */
} source;

typedef struct spot {
    int line, column; /* from 1; columns count characters */
} spot;

/* Checks that `text` (n bytes) is UTF-8 without control characters; skips a byte order mark, makes line ends \n. */
cseg_status source_open(source *s, const char *name, const char *text, size_t n, arena *mem, cseg_error *err);
spot source_spot(const source *s, size_t at); /* at: offset in `text` */

/* "NAME:LINE:COLUMN: message", the line, and a caret under the column. */
cseg_status source_fail(const source *s, spot at, cseg_status code, cseg_error *err, const char *fmt, ...)
    CSEG_PRINTF(5, 6);
cseg_status source_failv(const source *s, spot at, cseg_status code, cseg_error *err, const char *fmt, va_list ap);

bool source_char(char c, const char *set); /* never for NUL */
/* Length of the UTF-8 sequence at s (at most `left` bytes), 0 if it is none. */
size_t utf8_length(const char *s, size_t left);
size_t utf8_count(const char *s, size_t n);            /* characters in n valid bytes */
size_t utf8_offset(const char *s, size_t n, size_t i); /* byte offset of the i-th character; n if there are fewer */
size_t utf8_encode(uint32_t c, char out[static 4]);

#endif
