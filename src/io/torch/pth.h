/* Reads and writes PyTorch's checkpoint files, the zip format (1.6 and later) and the older series of pickles, without
 * running anything that is in them. safetensors files and archives of numpy arrays (.npz) are read as the state dicts
 * that they are, TorchScript programs as those of their modules.
 *
 *     pth *weights;
 *     TRY(pth_open(path, mem, &weights, err));
 *     const pth_tensor *conv = pth_find(weights, "backbone.conv1.weight");
 *     TRY(pth_tensor_f32(weights, conv, v, err));
 *
 * Reading maps the file and copies a tensor out when it is asked for; the CRC of its storage is checked the first time.
 * The state dict is the root's 'state_dict' if there is one, else the root itself if it holds tensors, else what stands
 * under 'model' or another name that trainers use (pth_dict.c). Names are as stored, prefixes included.
 *
 * Memory follows what is asked for, not what the file says: a pickle of more than PICKLE_MOST_NODES objects is refused,
 * and so are packed entries that would unpack to more than 16 MiB and four times what is copied out of them. */
#ifndef IO_TORCH_PTH_H
#define IO_TORCH_PTH_H

#include "io/torch/pickle.h"

typedef struct pth pth;
typedef enum {
    PTH_F32,
    PTH_F64,
    PTH_F16,
    PTH_BF16,
    PTH_I64,
    PTH_I32,
    PTH_I16,
    PTH_I8,
    PTH_U8,
    PTH_BOOL,
    PTH_TYPES
} pth_type;
enum { PTH_MAX_DIMS = 8 };

typedef struct pth_tensor {
    const char *name; /* key in the state dict; "" for those from pth_as_tensor */
    pth_type type;
    int ndim; /* 0: a scalar, one element */
    int64_t shape[PTH_MAX_DIMS];
    int64_t stride[PTH_MAX_DIMS]; /* in elements of the storage; PyTorch's order; may be those of a view */
    int64_t offset;               /* first element in the storage */
    int64_t count;                /* elements */
    int storage;                  /* number of the storage: equal for tensors that share one */
} pth_tensor;

size_t pth_type_size(pth_type t);
const char *pth_type_name(pth_type t); /* "float32" ... "bool" */

/* Opens a checkpoint. Unmapped when `mem` goes; all that it hands out lives as long. One thread at a time.
 * CSEG_NOT_FOUND, CSEG_IO; CSEG_CORRUPT (byte or entry named); CSEG_UNSUPPORTED: a pickle that wants to call something,
 * ONNX and the like (foreign.h), quantised or sparse tensors. */
cseg_status pth_open(const char *path, arena *mem, pth **out, cseg_error *err);
cseg_status pth_open_bytes(const void *bytes, size_t n, const char *name, arena *mem, pth **out, cseg_error *err);
const char *pth_path(const pth *p);
size_t pth_bytes(const pth *p); /* of the file */

/* The whole object tree: meta, optimizer, message_hub... NULL: a file that holds tensors alone. */
const pickle_node *pth_root(const pth *p);

/* The state dict's tensors in the file's order. Entries that are not tensors are left out. */
size_t pth_count(const pth *p);
const pth_tensor *pth_at(const pth *p, size_t i);
const pth_tensor *pth_find(const pth *p, const char *name); /* NULL: not there */

/* A tensor anywhere in the tree (optimizer state). */
bool pth_is_tensor(const pickle_node *n);
cseg_status pth_as_tensor(pth *p, const pickle_node *n, pth_tensor *out, cseg_error *err);

/* Copies t->count elements in row-major order of t->shape, whatever the strides. f32: from any type, rounded to
 * nearest; i64: from integers and bool only (CSEG_SHAPE else); raw: in the tensor's own type. */
cseg_status pth_tensor_f32(pth *p, const pth_tensor *t, float *to, cseg_error *err);
cseg_status pth_tensor_i64(pth *p, const pth_tensor *t, int64_t *to, cseg_error *err);
cseg_status pth_tensor_raw(pth *p, const pth_tensor *t, void *to, cseg_error *err);

/* "[64, 3, 7, 7]", for messages. */
void pth_shape_text(int ndim, const int64_t *shape, char out[static 256]);

/* To write, build a tree, then write it. If memory runs out the builder remembers it, and its makers return NULL from
 * then on; all of them accept NULL. So build freely: pth_write reports the failure. Strings are copied; tensor data are
 * not: they are read when written. A tensor value that is put in two places is stored once (shared). */
typedef struct pth_value pth_value;
typedef struct pth_builder {
    arena *mem;
    bool failed;
} pth_builder;

pth_value *pth_none(pth_builder *b);
pth_value *pth_bool(pth_builder *b, bool v);
pth_value *pth_int(pth_builder *b, int64_t v);
pth_value *pth_float(pth_builder *b, double v);
pth_value *pth_str(pth_builder *b, const char *s);
pth_value *pth_list(pth_builder *b);
pth_value *pth_tuple(pth_builder *b);
pth_value *pth_dict(pth_builder *b);
pth_value *pth_ordered_dict(pth_builder *b); /* collections.OrderedDict, as state dicts are */
/* Contiguous, row-major, little-endian; `data` must stay until pth_write returns. */
pth_value *pth_tensor_value(pth_builder *b, pth_type type, int ndim, const int64_t *shape, const void *data);

void pth_add(pth_builder *b, pth_value *list_or_tuple, pth_value *item);
void pth_set(pth_builder *b, pth_value *dict, const char *key, pth_value *value);
void pth_set_key(pth_builder *b, pth_value *dict, pth_value *key, pth_value *value); /* key: str or int */

/* Writes the zip format, as torch.save does; torch.load(weights_only=True) loads it. Written beside, synced, renamed.
 */
cseg_status pth_write(const char *path, pth_builder *b, const pth_value *root, cseg_error *err);
/* The same as a safetensors file. `dict` holds tensors alone. */
cseg_status pth_write_safetensors(const char *path, pth_builder *b, const pth_value *dict, cseg_error *err);

#endif
