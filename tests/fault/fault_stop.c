/* fault_stop: preloaded (LD_PRELOAD), it stops the program twice in every write of a result: when its temporary has
 * been made and locked, and before it is renamed. A test then knows that a signal arrives within the write, however
 * busy the machine is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>

#define SEEN __attribute__((visibility("default")))

SEEN int flock(int fd, int operation)
{
    int (*next)(int, int);
    *(void **)&next = dlsym(RTLD_NEXT, "flock");
    int result = next(fd, operation);
    if (operation & LOCK_SH)
        raise(SIGSTOP);
    return result;
}

SEEN int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *);
    *(void **)&next = dlsym(RTLD_NEXT, "rename");
    raise(SIGSTOP);
    return next(from, to);
}
