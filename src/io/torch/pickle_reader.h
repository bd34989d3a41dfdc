/* What the files of the pickle reader share. */
#ifndef IO_TORCH_PICKLE_READER_H
#define IO_TORCH_PICKLE_READER_H

#include "io/torch/pickle.h"

/* One byte can make a node of a hundred bytes, so nodes are limited. Checkpoints of the largest models, with optimizer
 * state, have a tenth of this number. */
enum { PICKLE_MOST_NODES = 4 * 1000 * 1000 };

typedef struct pickle_reader {
    const uint8_t *bytes;
    size_t n, at;
    size_t op;     /* byte of the opcode at work */
    size_t copied; /* bytes and items that calls have copied; at most n, else a small file could fill the memory */
    size_t nodes;  /* made so far; at most PICKLE_MOST_NODES */
    const char *name;
    arena *mem;
    VEC(pickle_node *) stack;
    VEC(size_t) marks; /* sizes of the stack at each MARK */
    VEC(pickle_node *) memo;
    VEC(pickle_node *) persistent;
    cseg_error *err;
} pickle_reader;

/* A node that begins at the present opcode; NULL when out of memory. */
pickle_node *pickle_new(pickle_reader *r, pickle_kind kind);
/* "NAME: damaged pickle, byte AT: WHAT" */
cseg_status pickle_bad(const pickle_reader *r, const char *what);

/* Input, little-endian. CSEG_CORRUPT at its end. */
cseg_status pickle_take(pickle_reader *r, uint64_t n, const uint8_t **out);
cseg_status pickle_take_int(pickle_reader *r, int bytes, uint64_t *out);
cseg_status pickle_take_line(pickle_reader *r, char **line, size_t *n); /* copied, without its end */

/* The stack. Nothing is taken from below the last mark. */
cseg_status pickle_push(pickle_reader *r, pickle_node *p); /* NULL: out of memory */
cseg_status pickle_pop(pickle_reader *r, pickle_node **out);
cseg_status pickle_top(pickle_reader *r, pickle_node **out);
/* The items above the last mark, which is removed with them. They stay valid until something is pushed. */
cseg_status pickle_pop_mark(pickle_reader *r, pickle_node ***items, size_t *n);
cseg_status pickle_push_seq(pickle_reader *r, pickle_kind kind, pickle_node **items, size_t n);
cseg_status pickle_push_text(pickle_reader *r, pickle_kind kind, const void *text, size_t n);

/* One opcode; r->op is its byte, r->at the one behind it. */
typedef cseg_status pickle_handler(pickle_reader *r);
pickle_handler pickle_op_none, pickle_op_true, pickle_op_false, pickle_op_binint, pickle_op_binint1, pickle_op_binint2,
    pickle_op_long1, pickle_op_long4, pickle_op_binfloat, pickle_op_float, pickle_op_int, pickle_op_str1,
    pickle_op_str4, pickle_op_str8, pickle_op_bytes1, pickle_op_bytes4, pickle_op_bytes8, pickle_op_string,
    pickle_op_unicode;

/* Turns a name as files of any age write it into today's ("__builtin__" is builtins); the texts are kept, not copied.
 * CSEG_UNSUPPORTED for names that are never accepted. */
cseg_status pickle_name(pickle_reader *r, const char *module, const char *name, pickle_node **out);
/* The node for callable(*args): a value if its meaning is known and harmless, an inert object for the rest of the list;
 * CSEG_UNSUPPORTED for all others. */
cseg_status pickle_call(pickle_reader *r, const pickle_node *callable, pickle_node *args, pickle_node **out);

#endif
