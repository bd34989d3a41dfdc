#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "base/temporary.h"

static volatile sig_atomic_t seen;

static void end(int signal_number)
{
    temporaries_remove();
    signal(signal_number, SIG_DFL);
    raise(signal_number); /* takes effect when the handler returns: the shell sees which signal it was */
}

static void note(int signal_number)
{
    if (seen)
        end(signal_number);
    seen = 1;
}

static void listen_to(int signal_number, void (*handler)(int))
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
    sigemptyset(&a.sa_mask);
    if (sigaction(signal_number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(signal_number, &a, NULL);
}

void interrupt_start(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        listen_to(signals[i], end);
}

void interrupt_watch(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        listen_to(signals[i], note);
}

bool interrupt_seen(void *unused)
{
    (void)unused;
    return seen != 0;
}
