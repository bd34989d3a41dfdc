/* TFRecord: length u64, masked CRC-32C of it, data, masked CRC-32C of that; all little-endian.
 * Event (tensorflow/core/util/event.proto): 1 wall_time double, 2 step int64, 3 file_version string, 5 summary;
 * Summary: 1 repeated Value; Value: 1 tag string, 2 simple_value float. */
#include "io/events.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

struct events {
    FILE *out;
    char *path;
};

enum { LONGEST_TAG = 1000 };

static uint32_t masked_crc32c(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

typedef struct message {
    uint8_t bytes[LONGEST_TAG + 128];
    size_t n;
} message;

static void put_le(message *m, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        m->bytes[m->n++] = (uint8_t)(v >> 8 * i);
}

static void put_varint(message *m, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        m->bytes[m->n++] = (uint8_t)(v | 0x80);
    m->bytes[m->n++] = (uint8_t)v;
}

/* Writes a field's number and wire type: 0 varint, 1 eight bytes, 2 counted bytes, 5 four bytes. */
static void put_key(message *m, int field, int wire)
{
    put_varint(m, (uint64_t)(field << 3 | wire));
}

static void put_double(message *m, int field, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(m, field, 1);
    put_le(m, bits, 8);
}

static void put_float(message *m, int field, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(m, field, 5);
    put_le(m, bits, 4);
}

static void put_bytes(message *m, int field, const void *data, size_t n)
{
    put_key(m, field, 2);
    put_varint(m, n);
    memcpy(m->bytes + m->n, data, n);
    m->n += n;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static cseg_status write_record(events *e, const message *m, cseg_error *err)
{
    message r = {.n = 0};
    put_le(&r, m->n, 8);
    put_le(&r, masked_crc32c(r.bytes, 8), 4);
    memcpy(r.bytes + r.n, m->bytes, m->n);
    r.n += m->n;
    put_le(&r, masked_crc32c(m->bytes, m->n), 4);
    errno = 0;
    if (fwrite(r.bytes, 1, r.n, e->out) != r.n || fflush(e->out) != 0)
        return fail_errno(err, e->path, "write");
    return CSEG_OK;
}

static void close_later(void *arg)
{
    events *e = arg;
    if (e->out)
        fclose(e->out);
    e->out = NULL;
}

cseg_status events_open(const char *dir, arena *mem, events **out, cseg_error *err)
{
    static atomic_uint serial;
    char host[256] = "localhost";
    TRY(dir_create(dir, err));
    if (gethostname(host, sizeof host - 1) != 0)
        strcpy(host, "localhost");
    events *e = ARENA_NEW(mem, events);
    char *name = arena_printf(mem, "events.out.tfevents.%lld.%s.%ld.%u", (long long)now(), host, (long)getpid(),
                              atomic_fetch_add(&serial, 1));
    if (!e || !name || !(e->path = path_join(mem, dir, name)))
        return fail_memory(err);
    TRY(file_check_output(e->path, err));
    e->out = fopen(e->path, "abe");
    if (!e->out)
        return fail_errno(err, e->path, "write");
    if (!arena_defer(mem, close_later, e))
        return fail_memory(err);
    message m = {.n = 0};
    put_double(&m, 1, now());
    put_bytes(&m, 3, "brain.Event:2", 13);
    TRY(write_record(e, &m, err));
    *out = e;
    return CSEG_OK;
}

cseg_status events_scalar(events *e, const char *tag, double value, int64_t step, cseg_error *err)
{
    size_t n = strlen(tag);
    if (n > LONGEST_TAG)
        return fail(err, CSEG_USAGE, "%s: a tag of %zu characters is too long", e->path, n);
    message v = {.n = 0}, s = {.n = 0}, m = {.n = 0};
    put_bytes(&v, 1, tag, n);
    put_float(&v, 2, (float)value);
    put_bytes(&s, 1, v.bytes, v.n);
    put_double(&m, 1, now());
    put_key(&m, 2, 0);
    put_varint(&m, (uint64_t)step);
    put_bytes(&m, 5, s.bytes, s.n);
    return write_record(e, &m, err);
}
