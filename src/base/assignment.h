/* Assigns workers to jobs at the least sum of costs (the linear sum assignment problem).
 *
 *     float cost[2 * 3] = {4, 1, 3, 2, 0, 5};
 *     int32_t job_of[2];
 *     double room[32]; // at least assignment_bytes(2, 3)
 *     assign_least(cost, 2, 3, (float[]){1, 1, 0}, job_of, room);
 *     printf("%d %d\n", job_of[0], job_of[1]); // 1 0
 */
#ifndef BASE_ASSIGNMENT_H
#define BASE_ASSIGNMENT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of working memory, aligned as a double. */
size_t assignment_bytes(int64_t workers, int64_t jobs);

/* cost [workers][jobs] in rows; only jobs whose `open` is not 0 are given away, each to one worker, and each worker
 * gets at most one: as many as the fewer of the two. job_of [workers]: the worker's job, or `jobs` for none. Exact; of
 * equal sums it takes the one that scipy.optimize.linear_sum_assignment takes. Costs that are not finite count as 3e38,
 * so that there always is an answer. */
void assign_least(const float *cost, int64_t workers, int64_t jobs, const float *open, int32_t *job_of, void *room);

#endif
