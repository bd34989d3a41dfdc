/* Reads configs in JSON.
 *
 *     value *config;
 *     TRY(json_parse(src, mem, &config, err));
 */
#ifndef CONFIG_LOAD_JSON_H
#define CONFIG_LOAD_JSON_H

#include "config/syntax/source.h"
#include "config/value.h"

/* Parses as Python's json.loads does: NaN and Infinity are numbers, of equal keys the last one counts. */
cseg_status json_parse(const source *s, arena *mem, value **out, cseg_error *err);

#endif
