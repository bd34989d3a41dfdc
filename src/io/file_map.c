#include "io/file_map.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

typedef struct mapping {
    void *at;
    size_t n;
} mapping;

static void unmap(void *arg)
{
    mapping *m = arg;
    munmap(m->at, m->n);
}

cseg_status file_map(const char *path, arena *mem, const uint8_t **bytes, size_t *n, cseg_error *err)
{
    static const uint8_t nothing[1];
    cseg_status status = CSEG_OK;
    int fd;
    int64_t size;
    TRY(file_open(path, &fd, &size, err));
    *bytes = nothing;
    *n = (size_t)size;
    if (*n == 0)
        goto done;
    mapping *m = ARENA_NEW(mem, mapping);
    if (!m) {
        status = fail_memory(err);
        goto done;
    }
    m->n = *n;
    m->at = mmap(NULL, m->n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (m->at == MAP_FAILED) {
        status = fail_errno(err, path, "map");
        goto done;
    }
    *bytes = m->at;
    if (!arena_defer(mem, unmap, m))
        status = fail_memory(err);
done:
    close(fd);
    return status;
}
