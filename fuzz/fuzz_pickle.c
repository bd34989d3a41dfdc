/* Any bytes as a pickle: a tree or a message, and every question may be asked of the tree. */
#include <stdlib.h>

#include "io/torch/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(const pickle_node *p, int depth)
{
    pickle_array a;
    cseg_error err;
    double d;
    int64_t i;
    if (!p || depth > 8)
        return;
    pickle_number(p, &d);
    pickle_int(p, &i);
    pickle_str(p);
    ask(pickle_get(p, "a"), depth + 1);
    if (p->kind == PICKLE_OBJECT)
        ask(pickle_get(p->object.state, "state"), depth + 1);
    if (pickle_as_array(p, "fuzz", &a, &err) == CSEG_OK && a.count > 0)
        pickle_array_get(&a, a.count - 1);
    for (size_t k = 0; k < pickle_len(p) && k < 8; k++)
        ask(pickle_item(p, k), depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    arena *mem = arena_new();
    const pickle_node *root;
    cseg_error err;
    if (pickle_read(data, n, "fuzz", mem, &root, NULL, &err) == CSEG_OK)
        ask(root, 0);
    if (arena_bytes(mem) > 1000 * n + 65536)
        abort(); /* a small file became a large tree */
    arena_free(mem);
    return 0;
}
