/* Normalises paths as Python's os.path does: by their text alone, without looking at the disk. NULL: out of memory.
 *
 *     char *file = path_normal(mem, "configs/../data//a.png");
 *     char *full = path_absolute(mem, file);
 */
#ifndef CONFIG_LOAD_PATHS_H
#define CONFIG_LOAD_PATHS_H

#include "base/arena.h"

char *path_normal(arena *mem, const char *path);   /* normpath: no '.', no '//', '..' taken back where possible */
char *path_absolute(arena *mem, const char *path); /* abspath: the working folder in front of relative ones */

#endif
