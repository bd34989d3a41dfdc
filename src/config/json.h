/* Configs in JSON. */
#ifndef CONFIG_JSON_H
#define CONFIG_JSON_H

#include "config/source.h"
#include "config/value.h"

/* As Python's json.loads: NaN and Infinity are numbers, of equal keys the last one counts. */
cseg_status json_parse(const source *s, arena *mem, value **out, cseg_error *err);

#endif
