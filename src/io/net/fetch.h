/* Weights by file, address or name. */
#ifndef IO_NET_FETCH_H
#define IO_NET_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* A path for what a config calls weights:
 *   a local file                            itself
 *   http://... https://...                  downloaded once into PyTorch's cache
 *   open-mmlab://NAME, openmmlab://NAME, mmcls://NAME, torchvision://NAME, modelzoo://NAME
 *                                           an address of the model zoos' tables (zoo.c)
 * The cache is $TORCH_HOME/hub/checkpoints, else $XDG_CACHE_HOME/torch/..., else ~/.cache/torch/....
 *
 * Nothing gets its final name in the cache unchecked. A file named NAME-HEX.pth (8 or more digits) must have a SHA-256
 * that begins with HEX; what broke off is gone on with the next time. A file without a hash in its name must open as a
 * checkpoint, and is begun anew. Pages, Git LFS pointers and kin are refused as soon as they begin. Redirects, size,
 * and the time without progress are bounded (fetch_limits).
 *
 * CSEG_NOT_FOUND: no such file, name, or address (404). CSEG_IO: no network, or too slow a one; the message says where
 * to put the file by hand. CSEG_CORRUPT: the hash differs, or what came is no checkpoint. CSEG_UNSUPPORTED: another
 * scheme (s3, petrel), or a format that is not read. CSEG_INTERRUPTED: fetch_stop_when's question was answered with
 * yes. */
cseg_status fetch_weights(const char *spec, arena *mem, char **path, cseg_error *err);

/* Downloads ask `stop` (NULL: nobody) at least every second, and end when it says yes; what came is removed. `begin` is
 * called before the first question, to listen for signals. For the whole process. */
void fetch_stop_when(void (*begin)(void), bool (*stop)(void *), void *arg);

typedef struct fetch_limits {
    double seconds;  /* in each span of so many ... */
    double slowest;  /* ... this many bytes a second must come (60, 1000) */
    int64_t largest; /* bytes of a file (64 GiB) */
} fetch_limits;
void fetch_limit(const fetch_limits *limits); /* NULL: the defaults. For the whole process */

/* The address behind a zoo name, or NULL. scheme without "://". *better (may be NULL): the present name of one that
 * is deprecated, or the nearest known one when NULL is returned. */
const char *zoo_find(const char *scheme, const char *name, const char **better);

#endif
