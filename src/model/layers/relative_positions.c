/* The index of a table of relative positions, which classes store beside the table. */
#include "model/layers/layers.h"

/* The row of a pair of places i (query) and j (key) of a grid; see op_attention. */
static int64_t row(const int64_t grid[2], int64_t i, int64_t j)
{
    int64_t down = i / grid[1] - j / grid[1], right = i % grid[1] - j % grid[1];
    return (down + grid[0] - 1) * (2 * grid[1] - 1) + right + grid[1] - 1;
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
    int64_t own = (2 * grid[0] - 1) * (2 * grid[1] - 1); /* the rows behind them are those of the class token */
    int64_t *index = module_state(m, (size_t)(all * all) * sizeof *index);
    if (!index)
        return NULL;
    for (int64_t i = 0; i < all; i++)
        for (int64_t j = 0; j < all; j++) {
            int64_t query = i - class_token, key = j - class_token;
            index[i * all + j] = query >= 0 && key >= 0 ? row(grid, query, key)
                                 : key >= 0             ? own
                                 : query >= 0           ? own + 1
                                                        : own + 2;
        }
    return index;
}
