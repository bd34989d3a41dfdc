/* Makes text from files harmless before people read it.
 *
 *     char line[256];
 *     text_print(line, sizeof line, "%s: unknown class", path);
 *     char *shown = text_harmless(mem, path);
 *
 * A class name, a file's name, a tensor's name or a key may hold anything: bytes that move a terminal's cursor,
 * newlines that look like the program's own lines, marks that turn the direction of writing. Messages (fail,
 * fail_within, log_say, log_warn_once) and what the commands print go through here: each %s argument is shown with such
 * characters as escapes, as Python's repr shows them: \n, \x1b, \u202e, and \xNN for bytes that are not UTF-8. Other
 * characters of every script are printed as they are. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

/* Formats as vsnprintf does, with the arguments of %s and %c made harmless; never ends within a character. Returns the
 * bytes in `to`, without the NUL. %-s keeps newlines: it is for a text of several lines that the program itself has
 * made before (an error's text within another error). A precision counts the argument's bytes and keeps whole
 * characters; a width counts characters. n > 0. Knows the conversions of integers, doubles, pointers, %s and %c. */
size_t text_vprint(char *to, size_t n, const char *fmt, va_list ap);
size_t text_print(char *to, size_t n, const char *fmt, ...) CSEG_PRINTF(3, 4);
/* The same onto a stream, without a limit of length; errors show in ferror(). */
void text_fprintf(FILE *out, const char *fmt, ...) CSEG_PRINTF(2, 3);
/* Adds s[0, n) made harmless; with `lines`, newlines and tabs stay. */
void text_add(strbuf *b, const char *s, size_t n, bool lines);
/* The same in `mem`; NULL: out of memory. */
char *text_harmless(arena *mem, const char *s);

/* Returns the character at *s and moves *s to the next, before `end`; TEXT_NONE for a byte that begins no UTF-8. */
#define TEXT_NONE UINT32_MAX
uint32_t text_next(const char **s, const char *end);
/* Whether a character acts on a terminal instead of being shown: controls, marks of direction, invisible ones. */
bool text_is_hidden(uint32_t c);

/* Adds s[0, n) as a string of JSON with its quotes: controls and hidden characters as \uNNNN, bytes that are not UTF-8
 * as \ufffd. ascii: escapes everything beyond ASCII, as json.dumps does. */
void text_add_json(strbuf *b, const char *s, size_t n, bool ascii);
void text_print_json(FILE *out, const char *s);

#endif
