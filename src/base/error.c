#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

cseg_status fail(cseg_error *err, cseg_status code, const char *fmt, ...)
{
    if (!err)
        return code;
    err->code = code;
    va_list ap;
    va_start(ap, fmt);
    text_vprint(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return code;
}

cseg_status fail_memory(cseg_error *err)
{
    return fail(err, CSEG_NO_MEMORY, "out of memory");
}

cseg_status fail_errno(cseg_error *err, const char *path, const char *verb)
{
    int e = errno;
    cseg_status code = e == ENOENT || e == ENOTDIR ? CSEG_NOT_FOUND : e == ENOMEM ? CSEG_NO_MEMORY : CSEG_IO;
    char reason[128];
    /* glibc's GNU strerror_r may return a static string instead of filling the buffer. */
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
    const char *text = strerror_r(e, reason, sizeof reason);
#else
    const char *text = strerror_r(e, reason, sizeof reason) == 0 ? reason : "unknown error";
#endif
    return fail(err, code, "%s: cannot %s: %s", path, verb, text);
}

cseg_status fail_within(cseg_error *err, const char *fmt, ...)
{
    if (!err)
        return CSEG_IO;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    size_t n = text_vprint(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    text_print(err->text + n, sizeof err->text - n, "%-s", old);
    return err->code;
}
