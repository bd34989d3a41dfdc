/* Names a file PATH.PID.tmp while it is being written; it gets the name PATH when it is whole. A program that is
 * stopped by a signal removes its temporary files. Those of a killed process are removed when the same path is next
 * written. file_replace in base/file.h does all of this.
 *
 *     char *name = temporary_begin(path, mem);
 *     if (name && rename(name, path) == 0)
 *         temporary_end(name);
 */
#ifndef BASE_TEMPORARY_H
#define BASE_TEMPORARY_H

#include "base/arena.h"
#include "base/error.h"

/* Makes the name and notes it for temporaries_remove; NULL: out of memory. Removes what killed processes left of the
 * same path: files of exactly this name with the number of a process that is gone, which nobody holds (temporary_hold).
 */
char *temporary_begin(const char *path, arena *mem);
/* The same for what is several files: makes the folder *name, PATH.PID.tmp, for files of the given names (NULL at the
 * end), which each get their own place beside PATH when all are whole. CSEG_IO. */
cseg_status temporary_begin_folder(const char *path, const char *const *names, arena *mem, char **name,
                                   cseg_error *err);
/* Removes the folder with those files that are still in it; ends it. */
void temporary_remove_folder(const char *name, const char *const *names);
/* Tells other processes, also those of other machines and containers, that the open file is being written. Ends when
 * the descriptor is closed. */
void temporary_hold(int fd);
/* If a file's name is NAME.PID.tmp of a process that is gone: the length of NAME. 0: it is something else. */
size_t temporary_leftover(const char *file);
/* Call it when the file has been renamed or removed. */
void temporary_end(const char *name);
/* Removes all that have begun and not ended. For signal handlers after which the process ends. */
void temporaries_remove(void);

#endif
