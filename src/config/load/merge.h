/* Merges a config into its bases, and --cfg-options into a config.
 *
 *     value *merged;
 *     const value *culprit;
 *     TRY(merge_into(bases, cfg, false, mem, &merged, &culprit, err));
 */
#ifndef CONFIG_LOAD_MERGE_H
#define CONFIG_LOAD_MERGE_H

#include "config/value.h"

/* Merges `child` into `base`, as the reference's Config._merge_a_into_b: dicts merge, other values replace, and a dict
 * with `_delete_=True` replaces too. The result shares parts with both; `base` stays as it is, `child` loses the
 * `_delete_` keys that were obeyed. list_keys: numbers as keys index lists. On failure *culprit is the value of `child`
 * that cannot be merged. */
cseg_status merge_into(const value *base, value *child, bool list_keys, arena *mem, value **out, const value **culprit,
                       cseg_error *err);

#endif
