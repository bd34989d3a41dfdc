/* Handles Ctrl-C (SIGINT), SIGTERM and SIGHUP.
 *
 *     interrupt_start();
 *     interrupt_watch();
 *     if (interrupt_seen(NULL))
 *         return fail(err, CSEG_INTERRUPTED, "stopped");
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From here on a signal that ends the program, also SIGPIPE, first removes files that are half written
 * (base/temporary.h). A signal that the caller ignores, as nohup does, stays ignored. */
void interrupt_start(void);
/* From here on a signal asks the program to stop, and interrupt_seen tells of it. A second one ends the program at
 * once. */
void interrupt_watch(void);
bool interrupt_seen(void *unused);

#endif
