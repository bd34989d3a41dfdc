#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t seen;

static void note(int signal_number)
{
    if (seen) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
    seen = 1;
}

void interrupt_watch(void)
{
    struct sigaction a = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

bool interrupt_seen(void *unused)
{
    (void)unused;
    return seen != 0;
}
