#ifndef CONFIG_KEYWORDS_H
#define CONFIG_KEYWORDS_H

#include <stdbool.h>
#include <stddef.h>

bool keyword_is(const char *s, size_t n); /* one of Python's reserved words */
bool stdlib_has(const char *module);      /* "os.path": a module of Python's standard library, or mmengine.config */

#endif
