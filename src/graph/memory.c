#include "graph/memory.h"

#include <string.h>

static void *host_alloc(backend *b, size_t bytes, bool zeroed)
{
    (void)b;
    return zeroed ? mem_alloc(bytes) : mem_alloc_raw(bytes);
}

static void host_free(backend *b, void *at)
{
    (void)b;
    mem_free(at);
}

static void host_set(backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    memcpy(to, from, bytes);
}

static cseg_status host_get(backend *b, void *to, const void *from, size_t bytes, cseg_error *err)
{
    (void)b;
    (void)err;
    memcpy(to, from, bytes);
    return CSEG_OK;
}

static void host_fill(backend *b, void *at, uint8_t byte, size_t bytes)
{
    (void)b;
    memset(at, byte, bytes);
}

static cseg_status host_synchronise(backend *b, cseg_error *err)
{
    (void)b;
    (void)err;
    return CSEG_OK;
}

const memory_calls host_memory = {.of_host = true,
                                  .alloc = host_alloc,
                                  .free = host_free,
                                  .set = host_set,
                                  .get = host_get,
                                  .copy = host_set,
                                  .fill = host_fill,
                                  .synchronise = host_synchronise};

backend *backend_host(void)
{
    static backend host = {
        .name = "host", .memory = &host_memory, .vectors = &plain_vectors, .predictions = &plain_predictions};
    return &host;
}

typedef struct held {
    backend *b;
    void *at;
} held;

static void give_back(void *arg)
{
    const held *h = arg;
    h->b->memory->free(h->b, h->at);
}

void *memory_in_arena(backend *b, size_t bytes, arena *mem)
{
    held *h = ARENA_NEW(mem, held);
    if (!h)
        return NULL;
    *h = (held){.b = b, .at = b->memory->alloc(b, bytes, true)};
    return h->at && arena_defer(mem, give_back, h) ? h->at : NULL;
}

cseg_status memory_view(backend *b, const void *at, size_t bytes, arena *mem, const void **out, cseg_error *err)
{
    *out = at;
    if (b->memory->of_host)
        return CSEG_OK;
    void *copy = arena_alloc(mem, bytes);
    *out = copy;
    return copy ? b->memory->get(b, copy, at, bytes, err) : fail_memory(err);
}

void *memory_open(backend *b, void *at, size_t bytes)
{
    return b->memory->of_host ? at : mem_alloc_raw(bytes);
}

void memory_close(backend *b, void *at, void *room, size_t bytes)
{
    if (b->memory->of_host)
        return;
    b->memory->set(b, at, room, bytes);
    mem_free(room);
}
