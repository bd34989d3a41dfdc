/* Makes the files of one member: what forms (convert_plan.h) are made of. */
#ifndef DATA_CONVERT_CONVERT_MAKE_H
#define DATA_CONVERT_CONVERT_MAKE_H

#include <time.h>

#include "data/convert/convert_plan.h"

struct convert_task {
    const convert_job *job;
    const convert_options *o;
    arena *mem;              /* of this job alone */
    const char *name;        /* of the member, for messages */
    struct timespec changed; /* when the source was */
    const uint8_t *bytes;    /* after convert_read */
    size_t n;
    int64_t written, kept;
};

/* Runs a job: fills *t from t->job, t->o and t->mem, and makes its files. */
cseg_status convert_run_job(convert_task *t, cseg_error *err);

/* Reads the member, once; if it is gzipped, what is in it. */
cseg_status convert_read(convert_task *t, cseg_error *err);
/* Whether this file (.png or .jpg) need not be made: it is there, whole, and not older than the source. Counts it. */
bool convert_has(convert_task *t, const char *path);
/* CSEG_INTERRUPTED: the caller stopped the work. */
cseg_status convert_write(convert_task *t, const char *path, const image *m, const image_save *how, cseg_error *err);
/* Decodes and maps as the form says. */
cseg_status convert_image(convert_task *t, image *out, cseg_error *err);

/* For convert_form.make: */
cseg_status convert_copy(convert_task *t, cseg_error *err);    /* the bytes as they are */
cseg_status convert_whole(convert_task *t, cseg_error *err);   /* one image */
cseg_status convert_clips(convert_task *t, cseg_error *err);   /* pieces as the reference's clip_big_image cuts them */
cseg_status convert_patches(convert_task *t, cseg_error *err); /* pieces as its slide_crop_image does */

/* Requires one channel of uint8, and looks each value up. */
cseg_status convert_look_up(image *m, const uint8_t to[256], const char *name, cseg_error *err);

/* The forms that several datasets share. */
extern const convert_form convert_form_copy;        /* an image's bytes */
extern const convert_form convert_form_copied_mask; /* a mask's */
extern const convert_form convert_form_image;       /* a picture of any format as PNG */
extern const convert_form convert_form_vessels;     /* 1 where the first channel is 128 or more, else 0 */

#endif
