/* Rules that turn the state dicts of other programs into MMSegmentation's: rows of patterns, a table for each program.
 *
 *     static const weight_rule rules[] = {
 *         RENAME("norm.*", "ln1.*"),
 *         {"blocks.*.attn.q.*", "layers.*.attn.in_proj_*", .with = {"blocks.*.attn.kv.*"}},
 *         RULES_END,
 *     };
 *     const weight_source weight_source_vit = {"vit", "ViT of timm", {"blocks.#.attn.qkv.weight"}, .rules = rules};
 *
 * The first rule that fits a name says what becomes of it. In patterns `*` is any text, as short as it can be, and `#`
 * a number (`#<9`: one below 9). In what they become, the first `*` is what the first `*` was, and so on; `#-1` is the
 * number less 1. */
#ifndef IO_TORCH_CONVERT_WEIGHT_RULES_H
#define IO_TORCH_CONVERT_WEIGHT_RULES_H

#include "io/torch/pth.h"

typedef struct weight {
    const char *name;
    pth_type type;
    int ndim;
    int64_t shape[PTH_MAX_DIMS];
    int64_t count;
    const void *data; /* contiguous */
} weight;

/* Changes shape and values. CSEG_SHAPE: it cannot, with the reason. New values lie in `mem`. */
typedef cseg_status weight_change(weight *w, arena *mem, cseg_error *err);

weight_change weight_transpose;   /* [a, b] -> [b, a] */
weight_change weight_as_1x1;      /* [out, in] -> [out, in, 1, 1]: a linear layer as a convolution */
weight_change weight_as_token;    /* [C] -> [1, 1, C] */
weight_change weight_as_batch;    /* [...] -> [1, ...] */
weight_change weight_as_unfold;   /* [..., 4C], four pixels of C channels in Swin's order -> C channels of 4 pixels, as
                                     unfold gives them */
weight_change weight_of_jax_conv; /* [h, w, in, out] -> [out, in, h, w] */
weight_change weight_of_jax_in;   /* [in, ...] -> [product of the rest, in] */
weight_change weight_of_jax_out;  /* [..., out] -> [out, product of the rest] */
weight_change weight_flat;        /* [...] -> [product] */

typedef struct weight_rule {
    const char *from; /* NULL ends the table */
    const char *to;   /* NULL: it is left out */
    weight_change *change;
    const char *with[2]; /* further tensors of the file, changed alike and joined behind it along the first axis */
    const char *when;    /* only if the file has such a tensor */
    bool stays;          /* under its old name too */
    bool goes_on;        /* the rules below see the new name */
} weight_rule;
/* clang-format off */
#define RENAME(from_, to_) {.from = (from_), .to = (to_)}
#define CHANGE(from_, to_, change_) {.from = (from_), .to = (to_), .change = (change_)}
#define GO_ON(from_, to_) {.from = (from_), .to = (to_), .goes_on = true}
#define DROP(from_) {.from = (from_)}
#define RULES_END {.from = NULL}
/* clang-format on */

typedef struct weight_source {
    const char *name;
    const char *about;     /* whose names they are, for people */
    const char *signs[3];  /* patterns: a file with all of them is one of these ... */
    const char *unless[2]; /* ... but with none of these */
    bool drops_others;     /* names that no rule fits are left out instead of kept */
    const weight_rule *rules;
} weight_source;

enum { MOST_CAPTURES = 8 };
typedef struct captures {
    struct {
        const char *text;
        size_t n;
        bool number;
    } at[MOST_CAPTURES];
    int n;
} captures;

bool weight_matches(const char *pattern, const char *name, captures *out);
/* NULL: out of memory. */
char *weight_expand(const char *pattern, const captures *c, arena *mem);

#endif
