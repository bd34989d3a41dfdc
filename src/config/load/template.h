/* What the reference replaces in a config's text before it reads it:
 *   {{ fileDirname }} {{ fileBasename }} {{ fileBasenameNoExtension }} {{ fileExtname }}
 *   {{$VARIABLE:default}}, also {{'$VARIABLE:default'}}: the environment's value, or the default
 *   {{_base_.key.key}}: a value of the bases. It becomes a string constant that stands for it; see template_value(). */
#ifndef CONFIG_LOAD_TEMPLATE_H
#define CONFIG_LOAD_TEMPLATE_H

#include "config/eval/eval.h"

/* No other string of a config holds this: it is refused in source texts. */
#define TEMPLATE_MARK '\x01'

/* `path` is absolute. Sets text, n and origin of `s`. */
cseg_status template_apply(source *s, const char *path, arena *mem, cseg_error *err);
/* Puts the bases' values where the text had {{_base_...}}. Changes `v`, which nobody shares, in place. */
cseg_status template_fill(eval *ev, value *v, value *bases, int depth);

#endif
