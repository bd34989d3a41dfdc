/* Checks whether a dataset's files lie at the same place on the earth.
 *
 *     int64_t elsewhere = scan_places(ds, NULL, NULL);
 */
#ifndef DATA_SCAN_SCAN_PLACE_H
#define DATA_SCAN_SCAN_PLACE_H

#include "data/datasets/dataset.h"

/* Compares each image with its labels, its weight map and its second date, if all of them are rasters that know their
 * place, and gives one warning if some lie elsewhere. Only headers are read; files that cannot be read are reported by
 * others. Returns the number of files that lie elsewhere. stop: may be NULL. */
int64_t scan_places(const dataset *ds, bool (*stop)(void *arg), void *arg);

#endif
