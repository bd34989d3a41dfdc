/* Finds arguments that stand in the wrong order, by looking at what the files are. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli/options.h"

/* Compares each argument with its word of command->arguments (CONFIG, CHECKPOINT, IMAGE|FOLDER...), by the files' first
 * bytes, or by their names if there is no such file. CSEG_USAGE: too few, too many, or of another kind than wanted; the
 * message says what each is, what is missing, and the order in which they are wanted. An argument of unknown kind is
 * accepted. */
cseg_status arguments_check(const cli_command *c, const str_list *args, cseg_error *err);

#endif
