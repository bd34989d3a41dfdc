#include "model/necks/neck_inputs.h"

bool neck_inputs_fit(module *m, graph *g, features x, ints in_channels)
{
    char place[512];
    const char *where_ = value_place(module_at(m, "in_channels"), place), *from = x.from ? x.from->class_name : "";
    if (x.n != (int)in_channels.n) {
        graph_fail(g, CSEG_SHAPE, "%sneck (%s) has in_channels for %zu maps, but %s gives %d", where_, m->kind->name,
                   in_channels.n, from, x.n);
        return false;
    }
    for (int i = 0; i < x.n; i++)
        if (x.at[i] && tensor_channels(x.at[i]) != in_channels.at[i]) {
            graph_fail(g, CSEG_SHAPE, "%sneck (%s) has in_channels[%d]=%lld, but map %d of %s has %lld channels",
                       where_, m->kind->name, i, (long long)in_channels.at[i], i, from,
                       (long long)tensor_channels(x.at[i]));
            return false;
        }
    return true;
}
