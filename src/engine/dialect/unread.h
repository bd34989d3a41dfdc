/* Finds names at a config's top level that no part of the program reads. MMSegmentation takes them for variables of the
 * config's own. In a file they may be that; on the command line, or one letter beside a key, they are mistakes. */
#ifndef ENGINE_DIALECT_UNREAD_H
#define ENGINE_DIALECT_UNREAD_H

#include "engine/dialect/experiment.h"

/* Warns of names of the config that are all but a key's. */
void unread_warn_names(const experiment *e);
/* Warns if "KEY=VALUE" changed nothing. was_there: the config itself has a variable of that name. */
void unread_warn_override(const experiment *e, const char *override, bool was_there);
/* The first part of "model.decode_head=...", or of what stands before its '[' or '='. */
const char *unread_first_name(const char *override, arena *mem);

#endif
