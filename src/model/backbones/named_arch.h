/* Reads `arch` of mmpretrain's backbones: the name of a known architecture, or a dict with its numbers.
 *
 *     typedef struct { ints depths; } sizes;
 *     static const field fields[] = {FIELD_RANGE(sizes, F_INTS, depths, NULL, 1, 64, "blocks of each stage")};
 *     static const field_table table = FIELD_TABLE(fields, sizes);
 *     static const named_arch known[] = {{"tiny", "dict(depths=[3, 3, 9, 3])"}};
 *     sizes c;
 *     if (named_arch_read(parent, cfg, known, 1, &table, &c))
 *         printf("%zu stages\n", c.depths.n);
 */
#ifndef MODEL_NAMED_ARCH_H
#define MODEL_NAMED_ARCH_H

#include "model/module.h"

typedef struct named_arch {
    const char *name, *text; /* text: its dict, as config text */
} named_arch;

/* Fills *out by `table`; false: an error was recorded. `arch` is the value of the module's field. */
bool named_arch_read(module *m, const value *arch, const named_arch *known, size_t n, const field_table *table,
                     void *out);

#endif
