/* Writes TensorBoard's event files: TFRecords of Event protobufs with scalar summaries.
 *
 *     events *log;
 *     TRY(events_open("work_dirs/fcn/20260101_120000", mem, &log, err));
 *     TRY(events_scalar(log, "lr", 0.01, 50, err));
 */
#ifndef IO_EVENTS_H
#define IO_EVENTS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct events events;

/* Creates a new file events.out.tfevents.TIME.HOST.PID.N in `dir`, which is made if missing. Closed when `mem` goes. */
cseg_status events_open(const char *dir, arena *mem, events **out, cseg_error *err);
/* Writes one value with the present time. Each call writes its whole record and flushes it to the system. */
cseg_status events_scalar(events *e, const char *tag, double value, int64_t step, cseg_error *err);

#endif
