#include "io/file_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, path, "open");
    if (fstat(fd, &st) != 0) {
        status = fail_errno(err, path, "read");
        goto done;
    }
    if (!S_ISREG(st.st_mode)) {
        status = fail(err, CSEG_IO, "%s: is not a regular file", path);
        goto done;
    }
    *bytes = nothing;
    *n = (size_t)st.st_size;
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
