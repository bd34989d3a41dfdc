#include "base/channels.h"

#include <inttypes.h>
#include <stdio.h>

static const char *text_of(channel_count c, char out[static 64])
{
    if (c.dates == 2)
        snprintf(out, 64, "%" PRId64 " (two dates of %" PRId64 ")", c.n, c.n / 2);
    else
        snprintf(out, 64, "%" PRId64, c.n);
    return out;
}

cseg_status channels_compare(const char *file, channel_count given, channel_count taken, cseg_error *err)
{
    char has[64], takes[64];
    if (given.n != taken.n)
        return fail(err, CSEG_SHAPE, "%s has %s channels, the model takes %s", file, text_of(given, has),
                    text_of(taken, takes));
    if (taken.dates && given.dates != taken.dates)
        return fail(err, CSEG_SHAPE, "%s has %" PRId64 " channels of %s, the model takes %s", file, given.n,
                    given.dates == 2 ? "two dates" : "one date", text_of(taken, takes));
    return CSEG_OK;
}
