/* TensorBoard's event files: TFRecords of Event protobufs with scalar summaries. */
#ifndef IO_EVENTS_H
#define IO_EVENTS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct events events;

/* A new file events.out.tfevents.TIME.HOST.PID.N in `dir`, which is made if missing. Closed when `mem` goes. */
cseg_status events_open(const char *dir, arena *mem, events **out, cseg_error *err);
/* One value, with the present time. Each call writes its record whole and flushes it to the system. */
cseg_status events_scalar(events *e, const char *tag, double value, int64_t step, cseg_error *err);

#endif
