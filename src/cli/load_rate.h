/* Runs cseg bench load: measures how fast training images are loaded. */
#ifndef CLI_LOAD_RATE_H
#define CLI_LOAD_RATE_H

#include <stdbool.h>

#include "engine/verify/bench_load.h"

/* Measures and prints, as text or one line of JSON. */
cseg_status load_rate_run(experiment *e, const bench_load_options *options, bool json, cseg_error *err);

#endif
