#include "io/vector/vector_stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cpl_vsi.h>

static const char prefix[] = "/vsicsegout/";

/* Streams by number: a path in a file that somebody made cannot name memory. */
enum { STREAMS = 64 };
static struct {
    unsigned long number; /* 0: free */
    FILE *out;
} streams[STREAMS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *on_open(void *user, const char *name, const char *access)
{
    (void)user;
    unsigned long number = strtoul(name, NULL, 10);
    void *found = NULL;
    if (!strchr(access, 'w') || !number)
        return NULL;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < STREAMS; i++)
        if (streams[i].number == number)
            found = streams[i].out;
    pthread_mutex_unlock(&lock);
    return found;
}

static vsi_l_offset on_tell(void *file)
{
    return (vsi_l_offset)ftello(file);
}

static int on_seek(void *file, vsi_l_offset to, int whence)
{
    return fseeko(file, (off_t)to, whence);
}

static size_t on_write(void *file, const void *bytes, size_t size, size_t n)
{
    return fwrite(bytes, size, n, file);
}

static int on_flush(void *file)
{
    return fflush(file);
}

static int on_close(void *file)
{
    (void)file;
    return 0;
}

static void install(void)
{
    VSIFilesystemPluginCallbacksStruct *c = VSIAllocFilesystemPluginCallbacksStruct();
    c->open = on_open;
    c->tell = on_tell;
    c->seek = on_seek;
    c->write = on_write;
    c->flush = on_flush;
    c->close = on_close;
    VSIInstallPluginHandler(prefix, c);
    VSIFreeFilesystemPluginCallbacksStruct(c);
}

const char *vector_stream_open(FILE *out, arena *mem)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static atomic_ulong last;
    unsigned long number = atomic_fetch_add(&last, 1) + 1;
    pthread_once(&once, install);
    const char *path = arena_printf(mem, "%s%lu", prefix, number);
    bool done = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < STREAMS && path && !done; i++)
        if (!streams[i].number) {
            streams[i].number = number;
            streams[i].out = out;
            done = true;
        }
    pthread_mutex_unlock(&lock);
    return done ? path : NULL;
}

void vector_stream_close(const char *path)
{
    unsigned long number = strtoul(path + sizeof prefix - 1, NULL, 10);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < STREAMS; i++)
        if (streams[i].number == number)
            streams[i].number = 0;
    pthread_mutex_unlock(&lock);
}
