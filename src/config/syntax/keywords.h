/* Tells whether a word is reserved in Python, a character may stand in a name, and a module is in the standard library.
 *
 *     if (keyword_is("lambda", 6))
 *         return fail(err, CSEG_UNSUPPORTED, "lambda is not part of the config language");
 *     bool standard = stdlib_has("os.path");
 */
#ifndef CONFIG_SYNTAX_KEYWORDS_H
#define CONFIG_SYNTAX_KEYWORDS_H

#include <stdbool.h>
#include <stddef.h>

bool keyword_is(const char *s, size_t n); /* one of Python's reserved words */
/* What is wrong with the character at s (of `left` bytes) in a name: one that is easily taken for something else, as a
 * special space or quotation mark. NULL: nothing. */
const char *name_fault(const char *s, size_t left);
bool stdlib_has(const char *module); /* "os.path": a module of Python's standard library, or mmengine.config */

#endif
