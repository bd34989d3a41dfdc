/* What the files of the checkpoint reader and writer share. */
#ifndef IO_TORCH_PTH_FILE_H
#define IO_TORCH_PTH_FILE_H

#include "io/archive/zip.h"
#include "io/torch/pth.h"

typedef struct pth_storage {
    const char *key;
    pth_type type;
    const uint8_t *bytes;   /* NULL until the first use of a zip entry */
    uint64_t n;             /* bytes */
    const zip_entry *entry; /* NULL: legacy format */
} pth_storage;

struct pth {
    const char *path;
    arena *mem;
    const uint8_t *bytes;
    size_t n;
    bool zipped, script; /* script: a TorchScript program */
    zip_archive zip;
    const char *prefix; /* of the zip's entries: "archive/" */
    int *storage_of;    /* zip: for each entry the number of its storage, from 1; 0: none yet */
    const pickle_node *root;
    VEC(pth_storage) storages; /* legacy: sorted by key */
    VEC(pth_tensor) tensors;
    const pth_tensor **by_name; /* the same, sorted */
    uint64_t asked, unpacked;   /* bytes of the tensors that were copied so far, and of the entries unpacked for
                                   them */
};

/* ('storage', type, key, location, elements[, view]) */
typedef struct pth_reference {
    const char *key;
    pth_type type; /* PTH_U8 for UntypedStorage: then the tensor states the type */
    int64_t count;
    const char *view_key; /* legacy: a part of another storage, or NULL */
    int64_t view_offset;
} pth_reference;
cseg_status pth_read_reference(const pth *p, const pickle_node *persistent, pth_reference *out, cseg_error *err);

bool pth_may_be_legacy(const uint8_t *bytes, size_t n);
cseg_status pth_open_legacy(pth *p, cseg_error *err); /* sets root and storages */
cseg_status pth_open_zip(pth *p, cseg_error *err);    /* sets root; of an .npz storages and tensors */
bool pth_is_safetensors(const uint8_t *bytes, size_t n);
cseg_status pth_open_safetensors(pth *p, cseg_error *err); /* sets storages and tensors */
bool pth_is_npz(const pth *p);
cseg_status pth_open_npz(pth *p, cseg_error *err); /* the same */
/* Lists the tensors of the state dict, each name once. */
cseg_status pth_list_tensors(pth *p, cseg_error *err);
cseg_status pth_list_script(pth *p, cseg_error *err); /* the same for a TorchScript program */
/* Sets by_name; CSEG_CORRUPT if two tensors have one name. */
cseg_status pth_sort_names(pth *p, cseg_error *err);
cseg_status pth_read_tensor(pth *p, const pickle_node *n, const char *name, pth_tensor *out, cseg_error *err);
pth_storage *pth_find_storage(const pth *p, const char *key); /* legacy */
/* Gives the storage's bytes, checked. Packed entries are unpacked as long as all of them stay within a limit that grows
 * with `asked`. */
cseg_status pth_storage_bytes(pth *p, int storage, const uint8_t **out, cseg_error *err);

const char *pth_storage_name(pth_type t); /* "FloatStorage" */

/* --- writing --- */
typedef enum { V_NONE, V_BOOL, V_INT, V_FLOAT, V_STR, V_LIST, V_TUPLE, V_DICT, V_ORDERED, V_TENSOR } pth_value_kind;
struct pth_value {
    pth_value_kind kind;
    int64_t integer; /* V_BOOL, V_INT */
    double real;
    const char *text;
    VEC(pth_value *) items; /* dicts: key, value, key... */
    pth_type type;
    int ndim;
    int64_t shape[PTH_MAX_DIMS];
    int64_t count;
    const void *data;
    int64_t number; /* of its storage in the file being written, from 1; 0: not yet */
};

#endif
