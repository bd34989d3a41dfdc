/* Shortest augmenting paths on a rectangular matrix (Crouse 2016, "On implementing 2D rectangular assignment
 * algorithms"): sources, of which there are not more than targets, get a target each, one after the other; prices keep
 * all reduced costs at 0 or above. O(sources^2 * targets). */
#include "base/assignment.h"

#include <math.h>
#include <stdbool.h>

#include "base/least.h"

enum { NONE = -1 };

typedef struct assignment {
    int64_t sources, targets;
    double *cost;                                      /* [sources][targets] */
    double *source_price, *target_price, *path_length; /* path_length: to each target */
    int32_t *target_of, *source_of, *before;           /* before: the source from which the path reaches a target */
    int32_t *left;                                     /* targets that the search has not visited */
    int32_t *job;                                      /* the open jobs' own numbers */
    uint8_t *source_seen, *target_seen;
} assignment;

size_t assignment_bytes(int64_t workers, int64_t jobs)
{
    size_t both = (size_t)(workers + jobs), cells = (size_t)(workers * jobs);
    return (cells + 2 * both) * sizeof(double) + 5 * both * sizeof(int32_t) + both;
}

static double finite_cost(float x)
{
    return isfinite(x) ? (double)x : 3e38;
}

/* Lays the parts out in `room`, and fills in the costs of the open jobs. */
static void begin(assignment *a, const float *cost, int64_t workers, int64_t jobs, const float *open, void *room)
{
    int64_t both = workers + jobs, n = 0;
    double *d = room;
    a->cost = d;
    a->source_price = d += workers * jobs;
    a->target_price = d += least_of(workers, jobs);
    a->path_length = d += most_of(workers, jobs);
    int32_t *at = (int32_t *)((double *)room + workers * jobs + 2 * both);
    a->target_of = at;
    a->source_of = at += both;
    a->before = at += both;
    a->left = at += both;
    a->job = at += both;
    a->source_seen = (uint8_t *)(at + both);
    for (int64_t j = 0; j < jobs; j++)
        if (open[j] != 0)
            a->job[n++] = (int32_t)j;
    bool turned = n < workers; /* the jobs are the sources */
    a->sources = turned ? n : workers;
    a->targets = turned ? workers : n;
    a->target_seen = a->source_seen + a->sources;
    for (int64_t i = 0; i < a->sources; i++)
        for (int64_t k = 0; k < a->targets; k++)
            a->cost[i * a->targets + k] = finite_cost(turned ? cost[k * jobs + a->job[i]] : cost[i * jobs + a->job[k]]);
    for (int64_t i = 0; i < a->sources; i++) {
        a->source_price[i] = 0;
        a->target_of[i] = NONE;
    }
    for (int64_t k = 0; k < a->targets; k++) {
        a->target_price[k] = 0;
        a->source_of[k] = NONE;
    }
}

/* Looks from source i, which the search has reached at length `so_far`, at all targets that are left; returns the place
 * in `left` of the nearest one. Of equally near ones a free one, then the first that was seen. */
static int64_t look(assignment *a, int64_t i, double so_far, int64_t n_left)
{
    int64_t nearest = 0;
    double least = INFINITY;
    for (int64_t at = 0; at < n_left; at++) {
        int32_t k = a->left[at];
        double length = so_far + a->cost[i * a->targets + k] - a->source_price[i] - a->target_price[k];
        if (length < a->path_length[k]) {
            a->before[k] = (int32_t)i;
            a->path_length[k] = length;
        }
        if (a->path_length[k] < least || (a->path_length[k] == least && a->source_of[k] == NONE)) {
            least = a->path_length[k];
            nearest = at;
        }
    }
    return nearest;
}

/* Finds the free target at the end of the shortest path from source `first`, and returns it. */
static int32_t search(assignment *a, int64_t first, double *length)
{
    int64_t n_left = a->targets, i = first;
    for (int64_t k = 0; k < a->targets; k++) {
        a->left[k] = (int32_t)(a->targets - 1 - k);
        a->path_length[k] = INFINITY;
        a->target_seen[k] = 0;
    }
    for (int64_t s = 0; s < a->sources; s++)
        a->source_seen[s] = 0;
    *length = 0;
    for (;;) {
        a->source_seen[i] = 1;
        int64_t at = look(a, i, *length, n_left);
        int32_t k = a->left[at];
        *length = a->path_length[k];
        a->target_seen[k] = 1;
        a->left[at] = a->left[--n_left];
        if (a->source_of[k] == NONE)
            return k;
        i = a->source_of[k];
    }
}

/* Gives source `first` a target; those before it may get others. */
static void augment(assignment *a, int64_t first)
{
    double length;
    int32_t k = search(a, first, &length);
    a->source_price[first] += length;
    for (int64_t s = 0; s < a->sources; s++)
        if (a->source_seen[s] && s != first)
            a->source_price[s] += length - a->path_length[a->target_of[s]];
    for (int64_t t = 0; t < a->targets; t++)
        if (a->target_seen[t])
            a->target_price[t] -= length - a->path_length[t];
    for (int32_t i = NONE; i != first;) {
        i = a->before[k];
        a->source_of[k] = i;
        int32_t next = a->target_of[i];
        a->target_of[i] = k;
        k = next;
    }
}

void assign_least(const float *cost, int64_t workers, int64_t jobs, const float *open, int32_t *job_of, void *room)
{
    assignment a;
    begin(&a, cost, workers, jobs, open, room);
    for (int64_t i = 0; i < a.sources; i++)
        augment(&a, i);
    bool turned = a.sources < workers;
    for (int64_t w = 0; w < workers; w++) {
        int32_t to = turned ? a.source_of[w] : a.target_of[w];
        job_of[w] = to == NONE ? (int32_t)jobs : a.job[to];
    }
}
