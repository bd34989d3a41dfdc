/* Reads MATLAB's files of version 5 (those that save writes by default, and with -v6): numbers, and structs of them.
 *
 *     matlab_value s, field;
 *     image mask = {0};
 *     TRY(matlab_find(data, (size_t)n, path, "GTcls", mem, &s, err));
 *     TRY(matlab_field(&s, "Segmentation", &field, err));
 *     TRY(matlab_u8(&field, &mask, err));
 *
 * Values point into the file's bytes, or into `mem` where they were packed. */
#ifndef IO_VOLUME_MATLAB_H
#define IO_VOLUME_MATLAB_H

#include "base/arena.h"
#include "io/image/image.h"

typedef struct matlab_value {
    const uint8_t *bytes; /* of the element: flags, sizes, name, content */
    size_t n;
    const char *path; /* of the file, for messages */
    bool big;         /* the file is big-endian */
} matlab_value;

/* Finds a variable. CSEG_CORRUPT with the byte; CSEG_NOT_FOUND: there is none of this name; CSEG_UNSUPPORTED: another
 * version (7.3 is HDF5). */
cseg_status matlab_find(const void *bytes, size_t n, const char *path, const char *name, arena *mem, matlab_value *out,
                        cseg_error *err);
/* Finds a field of a struct (the first element of an array of structs). */
cseg_status matlab_field(const matlab_value *s, const char *name, matlab_value *out, cseg_error *err);
/* Converts a matrix of numbers to a new image [rows, columns, 1] of uint8, modulo 256 as numpy's astype does. */
cseg_status matlab_u8(const matlab_value *v, image *out, cseg_error *err);

#endif
