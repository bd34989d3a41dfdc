/* The short names of datasets (mmseg's get_classes), by which text encoders ask for classes.
 *
 *     size_t n;
 *     const char *const *classes = dataset_classes_named("coco-stuff164k", &n);
 */
#ifndef DATA_DATASETS_ALIAS_H
#define DATA_DATASETS_ALIAS_H

#include <stddef.h>

/* NULL: there is no dataset of that name. */
const char *const *dataset_classes_named(const char *name, size_t *n);

#endif
