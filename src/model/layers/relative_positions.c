/* The index of a table of relative positions, which classes store beside the table. */
#include "graph/ops/attention_place.h"
#include "model/layers/layers.h"

int64_t relative_position_rows(const int64_t grid[2], bool class_token)
{
    return attention_table_rows(&(attention_attr){.grid = {grid[0], grid[1]}, .class_token = class_token});
}

const int64_t *relative_positions(module *m, const int64_t grid[2], bool class_token)
{
    enum { MOST = 1 << 14 }; /* places, whose pairs take 2 GiB */
    if (grid[0] > MOST || grid[1] > MOST || grid[0] * grid[1] > MOST) {
        if (m)
            model_fail(m->model, CSEG_CONFIG, m->cfg, "%s: a table of relative positions for %lld x %lld places",
                       m->name, (long long)grid[0], (long long)grid[1]);
        return NULL;
    }
    int64_t places = grid[0] * grid[1], all = places + class_token;
    attention_attr a = {.grid = {grid[0], grid[1]}, .class_token = class_token};
    int64_t *index = module_state(m, (size_t)(all * all) * sizeof *index);
    if (!index)
        return NULL;
    for (int64_t i = 0; i < all; i++)
        for (int64_t j = 0; j < all; j++)
            index[i * all + j] = attention_table_row(&a, i, j);
    return index;
}
