/* Status codes and errors of the public API.
 *
 *     cseg_error error = {CSEG_OK, ""};
 *     if (error.code == CSEG_NOT_FOUND)
 *         fprintf(stderr, "%s\n", error.text);
 */
#ifndef CSEG_ERROR_H
#define CSEG_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CSEG_API __attribute__((visibility("default")))
#define CSEG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CSEG_API
#define CSEG_PRINTF(fmt, args)
#endif

typedef enum cseg_status {
    CSEG_OK = 0,
    CSEG_USAGE,     /* the caller or the command line asked for something that makes no sense */
    CSEG_NOT_FOUND, /* a file, key or name does not exist */
    CSEG_IO,        /* the operating system refused: permissions, full disk, network */
    CSEG_CORRUPT,   /* bytes that are not what their format says */
    CSEG_CONFIG,    /* a config that cannot be read or that describes nothing buildable */
    CSEG_SHAPE,     /* tensors or images whose sizes do not fit together */
    CSEG_DATA,      /* data sets: label values, sizes, missing pairs */
    CSEG_NO_MEMORY,
    CSEG_UNSUPPORTED, /* known, but not implemented here */
    CSEG_NUMERIC,     /* NaN or infinity where a number is needed */
    CSEG_INTERRUPTED  /* a signal or the caller stopped the work; what was done is saved */
} cseg_status;

/* Owned by the caller, filled by the function that fails: what, where, and the way out.
 * `text` may hold several lines (config errors show the source line and a caret). */
typedef struct cseg_error {
    cseg_status code;
    char text[2048];
} cseg_error;

#ifdef __cplusplus
}
#endif
#endif
