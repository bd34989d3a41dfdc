/* A backend for tests, whose memory the host must not touch: the cpu backend, with buffers in pages that are protected
 * whenever none of its calls runs. Where the program reads or writes there by itself it ends, and says at which byte of
 * which buffer. The other way round it refuses, and names, an address that is not one of its own. So what runs on it
 * runs on a device with memory of its own, as far as memory goes. */
#ifndef TESTS_FAR_H
#define TESTS_FAR_H

#include "backend/backends.h"

backend *far_new(const cpu_options *options); /* NULL: out of memory */

#endif
