/* Finds names at a config's top level that no part of the program reads. MMSegmentation takes them for variables of the
 * config. In a file they may be variables; on the command line, or one letter away from a key, they are mistakes. */
#ifndef ENGINE_DIALECT_UNREAD_H
#define ENGINE_DIALECT_UNREAD_H

#include "engine/dialect/experiment.h"

/* Warns of names in the config that are nearly a key's. */
void unread_warn_names(const experiment *e);
/* Warns if "KEY=VALUE" has no effect. was_there: the config itself has a variable of that name. */
void unread_warn_override(const experiment *e, const char *override, bool was_there);
/* Returns the first name of "model.decode_head=...": what stands before the first dot, '[' or '='. */
const char *unread_first_name(const char *override, arena *mem);

#endif
