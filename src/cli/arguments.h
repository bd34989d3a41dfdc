/* Finds arguments that stand in the wrong order, by looking at what the files are. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli/options.h"

/* Compares each argument with its word of command->arguments (CONFIG, CHECKPOINT, IMAGE|FOLDER...), by the files' first
 * bytes, or by their names where there is no such file. CSEG_USAGE: too few, too many, or something else than wanted;
 * the message says what each is, what is missing, and in which order they are wanted. What cannot be told is let
 * through. */
cseg_status arguments_check(const cli_command *c, const str_list *args, cseg_error *err);

#endif
