/* Reads Python's pickle format, protocols 0 to 5, into an inert tree: nothing is ever imported or called.
 *
 *     const pickle_node *root;
 *     int64_t epoch = 0;
 *     TRY(pickle_read(data, (size_t)n, path, mem, &root, NULL, err));
 *     bool found = pickle_int(pickle_get(root, "epoch"), &epoch);
 *
 * Names of classes and functions are kept as text. A few harmless ones that checkpoints are made of are understood
 * (pickle_names.c lists them). A REDUCE of any other is refused by name and byte, and so is every mention of a module
 * that gives power over the machine (os, subprocess, builtins.eval...). Instances of unknown classes that are made
 * without a call (NEWOBJ, OBJ, INST with BUILD) stay as opaque objects with their state. */
#ifndef IO_TORCH_PICKLE_H
#define IO_TORCH_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

typedef enum {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,    /* fits int64 */
    PICKLE_BIGINT, /* str: two's complement, little-endian */
    PICKLE_FLOAT,
    PICKLE_STR,   /* str: UTF-8 (or, from Python 2, bytes) */
    PICKLE_BYTES, /* str; bytearray too */
    PICKLE_LIST,  /* seq */
    PICKLE_TUPLE, /* seq */
    PICKLE_SET,   /* seq; frozenset too */
    PICKLE_DICT,  /* seq: key, value, key, value...; type names the class: OrderedDict, defaultdict..., NULL for dict */
    PICKLE_GLOBAL,    /* global: a name, never resolved */
    PICKLE_OBJECT,    /* object: an instance, or a call that the pickle asks for and that is not made */
    PICKLE_PERSISTENT /* object.args is the persistent id: in PyTorch files a storage */
} pickle_kind;

typedef struct pickle_node pickle_node;
struct pickle_node {
    pickle_kind kind;
    size_t at;               /* byte in the pickle where it begins, for messages */
    const pickle_node *type; /* DICT: its class; OBJECT: class or function; a GLOBAL */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct {
            const char *text; /* NUL-terminated, may hold others */
            size_t n;
        } str;
        struct {
            pickle_node **at;
            size_t n, cap;
        } seq;
        struct {
            const char *module, *name;
        } global;
        struct {
            const pickle_node *args;   /* TUPLE, or NULL */
            const pickle_node *kwargs; /* DICT, or NULL */
            const pickle_node *state;  /* of BUILD, or NULL */
            pickle_node *items;        /* LIST of what was appended, or NULL */
            pickle_node *pairs;        /* DICT of what was set, or NULL */
        } object;
    };
};

/* For a reader of several pickles in a row, and of the bytes behind them. */
typedef struct pickle_found {
    size_t used;              /* bytes of the pickle */
    pickle_node **persistent; /* its persistent references, in order */
    size_t n_persistent;
} pickle_found;

/* Reads one pickle from the front of `bytes`. The tree lives in `mem`. It is a graph if the pickle shares objects, and
 * may hold loops, so whoever walks it must limit the depth. `name` stands for the file in messages; `found` may be
 * NULL. CSEG_CORRUPT; CSEG_UNSUPPORTED for calls that are refused. */
cseg_status pickle_read(const void *bytes, size_t n, const char *name, arena *mem, const pickle_node **out,
                        pickle_found *found, cseg_error *err);

/* Questions about nodes. All of them accept NULL and wrong kinds, and answer NULL or false. */
const pickle_node *pickle_get(const pickle_node *dict, const char *key); /* value of a string key; the last one */
const pickle_node *pickle_get_int(const pickle_node *dict, int64_t key);
const pickle_node *pickle_item(const pickle_node *list_or_tuple, size_t i);
size_t pickle_len(const pickle_node *p);                  /* items; pairs of a dict; bytes of a string */
bool pickle_is(const pickle_node *p, const char *dotted); /* GLOBAL, or OBJECT/DICT whose type is: "torch.Size" */
const char *pickle_str(const pickle_node *p);             /* text without NUL inside */
bool pickle_int(const pickle_node *p, int64_t *out);      /* INT, BOOL, numpy integer scalars */
bool pickle_number(const pickle_node *p, double *out);    /* INT, BOOL, FLOAT, BIGINT, numpy scalars */
const char *pickle_kind_name(pickle_kind k);

/* A numpy array inside a pickle. `data` points into the pickle's tree, unaligned. */
enum { PICKLE_MAX_DIMS = 32 };
typedef struct pickle_array {
    char type;    /* 'f', 'i', 'u', 'b' (bool) */
    int size;     /* bytes of an element */
    bool swapped; /* big-endian */
    bool fortran; /* first index fastest */
    int ndim;
    int64_t shape[PICKLE_MAX_DIMS];
    int64_t count; /* of elements */
    const void *data;
} pickle_array;
bool pickle_is_array(const pickle_node *p);
cseg_status pickle_as_array(const pickle_node *p, const char *name, pickle_array *out, cseg_error *err);
double pickle_array_get(const pickle_array *a, int64_t i);    /* element i in memory order */
uint64_t pickle_array_bits(const pickle_array *a, int64_t i); /* its bits; signed integers sign-extended */
/* For readers of other files with numpy's types. order '<', '>', '=' or '|'; code "f4", "u1"...: false if unknown. */
bool pickle_array_type(char order, const char *code, pickle_array *out);
/* Sets shape and count; CSEG_CORRUPT unless `bytes` bytes hold that many elements. */
cseg_status pickle_array_shape(const int64_t *shape, int ndim, size_t bytes, const char *name, pickle_array *out,
                               cseg_error *err);

/* Writes protocol 2, as torch.save does. Append freely, check `out.failed` once at the end. */
typedef struct pickle_writer {
    strbuf out;
} pickle_writer;
void pickle_begin(pickle_writer *w, arena *mem);
void pickle_end(pickle_writer *w);
void pickle_put_none(pickle_writer *w);
void pickle_put_bool(pickle_writer *w, bool v);
void pickle_put_int(pickle_writer *w, int64_t v);
void pickle_put_float(pickle_writer *w, double v);
void pickle_put_str(pickle_writer *w, const char *s, size_t n); /* UTF-8 */
void pickle_put_global(pickle_writer *w, const char *module, const char *name);
void pickle_put_op(pickle_writer *w, char op); /* bare opcodes: MARK '(', TUPLE 't', SETITEMS 'u'... */

#endif
