/* Weights by file, address or name. */
#ifndef IO_FETCH_H
#define IO_FETCH_H

#include "base/arena.h"
#include "base/error.h"

/* A path for what a config calls weights:
 *   a local file                            itself
 *   http://... https://...                  downloaded once into PyTorch's cache
 *   open-mmlab://NAME, openmmlab://NAME, mmcls://NAME, torchvision://NAME, modelzoo://NAME
 *                                           an address of the model zoos' tables (zoo.c)
 * The cache is $TORCH_HOME/hub/checkpoints, else $XDG_CACHE_HOME/torch/..., else ~/.cache/torch/.... A file named
 * NAME-HEX.pth (8 or more digits) must have a SHA-256 that begins with HEX. A broken download is resumed.
 * CSEG_NOT_FOUND: no such file, name, or address (404). CSEG_IO: no network; the message says where to put the file
 * by hand. CSEG_CORRUPT: the hash differs. CSEG_UNSUPPORTED: another scheme (s3, petrel). */
cseg_status weights_resolve(const char *spec, arena *mem, char **path, cseg_error *err);

/* The address behind a zoo name, or NULL. scheme without "://". *better (may be NULL): the present name of one that
 * is deprecated, or the nearest known one when NULL is returned. */
const char *zoo_find(const char *scheme, const char *name, const char **better);

#endif
