/* Tells how much time and memory this process has used so far.
 *
 *     double began = usage_seconds();
 *     printf("%.1f s\n", usage_seconds() - began);
 *     printf("%zu MiB\n", usage_peak_memory() >> 20);
 */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stddef.h>

double usage_seconds(void);        /* by a clock that never goes back; only differences have a meaning */
double usage_thread_seconds(void); /* processor time of the calling thread */
size_t usage_peak_memory(void);    /* bytes that were resident at most; 0: unknown */
size_t usage_memory(void);         /* bytes that are resident now; 0: unknown */

#endif
