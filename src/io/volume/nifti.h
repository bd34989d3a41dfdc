/* Reads volumes in NIfTI files (.nii, versions 1 and 2), as nibabel's get_fdata does.
 *
 *     nifti v;
 *     TRY(nifti_open(data, (size_t)n, path, &v, err));
 *     double first = nifti_at(&v, 0, 0, 0);
 *
 * The volume points into the file's bytes. */
#ifndef IO_VOLUME_NIFTI_H
#define IO_VOLUME_NIFTI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct nifti {
    int64_t size[3]; /* of i, j, k; i runs along memory */
    const uint8_t *voxels;
    int type; /* NIfTI's code */
    bool big; /* the file is big-endian */
    double slope, inter;
} nifti;

/* Opens unpacked bytes. CSEG_CORRUPT: damaged, or shorter than the header says; CSEG_UNSUPPORTED: not three dimensions,
 * or complex numbers and the like. */
cseg_status nifti_open(const void *bytes, size_t n, const char *path, nifti *out, cseg_error *err);
double nifti_at(const nifti *v, int64_t i, int64_t j, int64_t k); /* scaled; no check */

#endif
