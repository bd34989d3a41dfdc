/* Queries paired with classes. */
#include "backend/ref/ref.h"
#include "base/assignment.h"

static size_t room(const node *n)
{
    return assignment_bytes(n->in[0]->dim[1], n->in[0]->dim[2]);
}

/* Lists the queries that have a class, then those that have none, as many as there is room for. */
static void list_pairs(const int32_t *class_of, int32_t queries, int32_t none, int64_t pairs, int32_t *query,
                       int32_t *its_class)
{
    int64_t count = 0;
    for (int without = 0; without < 2; without++)
        for (int32_t q = 0; q < queries && count < pairs; q++)
            if ((class_of[q] == none) == without) {
                query[count] = q;
                its_class[count++] = class_of[q];
            }
}

REF(hungarian, room)
{
    const float *cost = in[0], *present = in[1];
    int64_t images = n->in[0]->dim[0], queries = n->in[0]->dim[1], classes = n->in[0]->dim[2],
            pairs = n->out[1]->dim[1];
    for (int64_t i = 0; i < images; i++) {
        int32_t *class_of = (int32_t *)out[0] + i * queries;
        assign_least(cost + i * queries * classes, queries, classes, present + i * classes, class_of, scratch);
        list_pairs(class_of, (int32_t)queries, (int32_t)classes, pairs, (int32_t *)out[1] + i * pairs,
                   (int32_t *)out[2] + i * pairs);
    }
}
