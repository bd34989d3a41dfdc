/* SHA-256 (FIPS 180-4), in any number of pieces.
 *
 *     sha256 sum;
 *     char hex[65];
 *     sha256_begin(&sum);
 *     sha256_add(&sum, data, (size_t)n);
 *     sha256_end(&sum, hex);
 */
#ifndef IO_NET_SHA256_H
#define IO_NET_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct sha256 {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t block[64];
} sha256;

void sha256_begin(sha256 *s);
void sha256_add(sha256 *s, const void *data, size_t n);
void sha256_end(sha256 *s, char hex[static 65]); /* lower case */

#endif
