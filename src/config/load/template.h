/* Replaces the templates in a config's text before the text is parsed:
 *   {{ fileDirname }} {{ fileBasename }} {{ fileBasenameNoExtension }} {{ fileExtname }}
 *   {{$VARIABLE:default}}, also {{'$VARIABLE:default'}}: the environment's value, or the default
 *   {{_base_.key.key}}: a value of the bases. The text gets a string constant in its place, and template_fill puts
 *   the value there once the bases are read.
 *
 *     TRY(template_apply(src, path, mem, err));
 *     TRY(template_fill(ev, cfg, bases, 0));
 */
#ifndef CONFIG_LOAD_TEMPLATE_H
#define CONFIG_LOAD_TEMPLATE_H

#include "config/eval/eval.h"

/* Marks the strings that stand for values of bases. Source texts that hold this character are refused, so no other
 * string has it. */
#define TEMPLATE_MARK '\x01'

/* `path` is absolute. Sets text, n and origin of `s`. */
cseg_status template_apply(source *s, const char *path, arena *mem, cseg_error *err);
/* Puts the bases' values where the text had {{_base_...}}. Changes `v` in place; nobody may share it. */
cseg_status template_fill(eval *ev, value *v, value *bases, int depth);

#endif
