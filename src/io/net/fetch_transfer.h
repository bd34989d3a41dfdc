/* Downloads an address into a file that is open already. */
#ifndef IO_NET_FETCH_TRANSFER_H
#define IO_NET_FETCH_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "io/torch/foreign.h"

typedef struct download {
    const char *url;
    const char *path; /* where it is to be in the end */
    char *part;       /* what has come so far */
    FILE *out;        /* `part`, open for reading and writing */
    bool hashed;      /* the name has a hash that the file must have: then a partial download may be continued */

    /* The transfer's own. */
    bool full;  /* the disk refused */
    bool large; /* more came than may */
    uint8_t head[FOREIGN_BYTES];
    size_t n_head;
    const foreign_kind *other; /* what came is a page */
    int64_t got;               /* bytes of this attempt */
    bool stopped, stalled;
    double reported, span_begun; /* seconds of a clock */
    int64_t span_from;           /* bytes at its beginning */
} download;

/* Fills `out` to its end. After a failure a partial download may be continued if `hashed`; else it is worthless. */
cseg_status fetch_transfer(download *d, cseg_error *err);
bool fetch_must_stop(void);
/* The protocols that a redirect from this address may lead to, in curl's words: never from https to http. */
const char *fetch_leads_to(const char *url);

#endif
