/* The sentences that class names are put in before CLIP reads them.
 *
 *     size_t n;
 *     const char *const *all = templates_named("vild", &n);
 *     strbuf text = {.mem = mem};
 *     prompt_fill(&text, all[0], "cat");
 */
#ifndef MODEL_TEMPLATES_H
#define MODEL_TEMPLATES_H

#include <stdbool.h>

#include "base/str.h"

/* The lists of the reference: "vild" (14) and "imagenet" (80). NULL: there is none of that name. */
const char *const *templates_named(const char *name, size_t *n);
/* Appends the sentence with the name in place of {}. false: it has other braces. */
bool prompt_fill(strbuf *out, const char *text, const char *name);

#endif
