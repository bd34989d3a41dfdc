/* Work done again and again, each time with another allocation failing, of arenas' too. In a program named
 * test_out_of_memory*.c; include last, after cmocka.h. */
#ifndef TESTS_OUT_OF_MEMORY_H
#define TESTS_OUT_OF_MEMORY_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cseg/error.h"

/* The n-th allocation from now on fails, and all behind it, or that one alone; 0: none. Counts anew from 0. */
void allocation_fails(long n, bool alone);
long allocations_counted(void);

/* What may fail. It releases all that it made; LeakSanitizer looks after that. */
typedef cseg_status fallible(void *arg, cseg_error *err);

#ifdef fail_msg /* cmocka's */
/* Runs `work` about `runs` times, each time with another allocation failing (with all behind it, and alone), evenly
 * spread over all that it makes; with every one if they are fewer. It must fail for want of memory and say so; only
 * what fails alone may not matter. Without a failure it must succeed, before and behind. ALLOCATION_RUNS in the
 * environment is another number of runs: 1000000 tries every allocation. */
static inline void fail_each_allocation(const char *what, fallible *work, void *arg, long runs)
{
    cseg_error err;
    long tried = 0, failed = 0;
    const char *wish = getenv("ALLOCATION_RUNS");
    runs = wish && atol(wish) > 0 ? atol(wish) : runs;
    allocation_fails(0, false);
    cseg_status status = work(arg, &err);
    if (status != CSEG_OK)
        fail_msg("%s fails with all the memory there is: %s", what, err.text);
    long all = allocations_counted(), step = 2 * all / runs + 1;
    for (long n = 1; n <= all; n += step)
        for (int alone = 0; alone < 2; alone++, tried++) {
            err = (cseg_error){.text = "nothing"};
            allocation_fails(n, alone);
            status = work(arg, &err);
            allocation_fails(0, false);
            failed += status != CSEG_OK;
            if (status != CSEG_OK && (status != CSEG_NO_MEMORY || !strstr(err.text, "out of memory")))
                fail_msg("%s, allocation %ld%s: status %d, %s", what, n, alone ? " alone" : "", status, err.text);
            if (status == CSEG_OK && n == 1 && !alone)
                fail_msg("%s needs no memory", what);
        }
    print_message("    %s: %ld allocations, %ld runs, %ld of them failed\n", what, all, tried, failed);
    status = work(arg, &err);
    if (status != CSEG_OK)
        fail_msg("%s fails after failures: %s", what, err.text);
}
#endif

#endif
