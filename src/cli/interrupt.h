/* Handles Ctrl-C (SIGINT), SIGTERM and SIGHUP. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From here on a signal that ends the program removes what is half written first (base/temporary.h); of a pipe that
 * nobody reads (SIGPIPE) too. What the caller ignores, as nohup does, stays ignored. */
void interrupt_start(void);
/* From here on a signal is a question instead: has the user asked to stop? A second one ends the program at once. */
void interrupt_watch(void);
bool interrupt_seen(void *unused);

#endif
