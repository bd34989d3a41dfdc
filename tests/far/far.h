/* A backend for tests, whose memory the host must not touch: the cpu backend, with buffers in pages that are protected
 * except during its calls. If the program reads or writes there by itself, it ends and names the byte and the buffer.
 * Conversely, the backend refuses, and names, an address that is not its own. So code that works on it also works, as
 * far as memory is concerned, on a device with memory of its own. */
#ifndef TESTS_FAR_H
#define TESTS_FAR_H

#include "backend/backends.h"

backend *far_new(const cpu_options *options); /* NULL: out of memory */

#endif
