/* Finds the file that a config's weights are in: a path, an address, or a name of a model zoo.
 *
 *     char *weights;
 *     TRY(fetch_weights("open-mmlab://resnet50_v1c", mem, &weights, err));
 */
#ifndef IO_NET_FETCH_H
#define IO_NET_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Turns what a config names as weights into the path of a local file:
 *   a local file                            itself
 *   http://... https://...                  downloaded once into PyTorch's cache
 *   open-mmlab://NAME, openmmlab://NAME, mmcls://NAME, torchvision://NAME, modelzoo://NAME
 *                                           an address of the model zoos' tables (zoo.c)
 * The cache is $TORCH_HOME/hub/checkpoints, else $XDG_CACHE_HOME/torch/..., else ~/.cache/torch/....
 *
 * A file gets its final name in the cache only after a check. The SHA-256 of a file named NAME-HEX.pth (8 or more
 * digits) must begin with HEX; a download of it that broke off is continued the next time. A file without a hash in its
 * name must open as a checkpoint; a download of it that broke off begins anew. Web pages, Git LFS pointers and the like
 * are refused as soon as their first bytes come. Redirects, size, and the time without progress are bounded
 * (fetch_limits).
 *
 * CSEG_NOT_FOUND: no such file, name, or address (404). CSEG_IO: no network, or too slow a one; the message says where
 * to put the file by hand. CSEG_CORRUPT: the hash differs, or what came is no checkpoint. CSEG_UNSUPPORTED: another
 * scheme (s3, petrel), or a format that is not read. CSEG_INTERRUPTED: fetch_stop_when's question was answered with
 * yes. */
cseg_status fetch_weights(const char *spec, arena *mem, char **path, cseg_error *err);

/* Downloads call `stop` (NULL: nobody) at least every second and end when it returns true; what has come is removed.
 * `begin` is called before the first such call, to listen for signals. For the whole process. */
void fetch_stop_when(void (*begin)(void), bool (*stop)(void *), void *arg);

typedef struct fetch_limits {
    double seconds;  /* in each span of so many ... */
    double slowest;  /* ... at least this many bytes a second must come (60, 1000) */
    int64_t largest; /* bytes of a file (64 GiB) */
} fetch_limits;
void fetch_limit(const fetch_limits *limits); /* NULL: the defaults. For the whole process */

/* The address of a zoo name, or NULL. scheme without "://". *better (may be NULL): the present name of a deprecated
 * one; the nearest known name if NULL is returned. */
const char *zoo_find(const char *scheme, const char *name, const char **better);

#endif
