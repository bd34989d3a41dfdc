/* Ctrl-C and SIGTERM as a question: has the user asked to stop? A second one ends the program at once. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

void interrupt_watch(void);
bool interrupt_seen(void *unused);

#endif
