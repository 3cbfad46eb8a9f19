#ifndef QUORATE_CRC32C_H
#define QUORATE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Whether this processor has an instruction for CRC-32C: not zero. */
int quorate_has_crc32c(void);

/* The register after these bytes. Only if `quorate_has_crc32c()`. */
uint32_t quorate_crc32c(uint32_t reg, const void *bytes, size_t count);

#endif
