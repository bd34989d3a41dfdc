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
/* Says what is wrong with the character at s (`left` bytes remain) in a name, if it is easily taken for another one,
 * such as a special space or quotation mark. NULL: nothing is wrong. */
const char *name_fault(const char *s, size_t left);
bool stdlib_has(const char *module); /* whether "os.path" or the like is a module of Python's standard library, or
                                        mmengine.config */

#endif
