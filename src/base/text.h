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

/* As vsnprintf, with the arguments of %s and %c made harmless, and never ending within a character. Returns the bytes
 * that are in `to`, without the NUL. Of %-s, a text of several lines that the program itself has made before (an
 * error's text within another error), newlines stay. A precision counts the argument's bytes and keeps whole
 * characters; a width counts characters. n > 0. Knows the conversions of integers, doubles, pointers, %s and %c. */
size_t text_vprint(char *to, size_t n, const char *fmt, va_list ap);
size_t text_print(char *to, size_t n, const char *fmt, ...) CSEG_PRINTF(3, 4);
/* The same onto a stream, without a limit of length; an error shows in ferror(). */
void text_fprintf(FILE *out, const char *fmt, ...) CSEG_PRINTF(2, 3);
/* s[0, n) made harmless; with `lines` newlines and tabs stay. */
void text_add(strbuf *b, const char *s, size_t n, bool lines);
/* The same in `mem`; NULL: out of memory. */
char *text_harmless(arena *mem, const char *s);

/* The character at *s, which moves on to the next, before `end`; TEXT_NONE for a byte that begins no UTF-8. */
#define TEXT_NONE UINT32_MAX
uint32_t text_next(const char **s, const char *end);
/* Whether a character acts on a terminal instead of being seen: controls, marks of direction, invisible ones. */
bool text_is_hidden(uint32_t c);

/* s[0, n) as a string of JSON with its quotes: controls and hidden characters as \uNNNN, bytes that are no UTF-8 as
 * \ufffd. ascii: everything beyond ASCII is escaped, as json.dumps does. */
void text_add_json(strbuf *b, const char *s, size_t n, bool ascii);
void text_print_json(FILE *out, const char *s);

#endif
