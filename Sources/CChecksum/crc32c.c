/* CRC-32C by the processor's own instruction, which Swift has no word for. */
#include "crc32c.h"

#include <string.h>

#if defined(__x86_64__)

#include <nmmintrin.h>

int quorate_has_crc32c(void) { return __builtin_cpu_supports("sse4.2") != 0; }

__attribute__((target("sse4.2")))
uint32_t quorate_crc32c(uint32_t reg, const void *bytes, size_t count) {
  const unsigned char *next = bytes;
  uint64_t wide = reg;
  for (; count >= 8; count -= 8, next += 8) {
    uint64_t word;
    memcpy(&word, next, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  reg = (uint32_t)wide;
  for (; count > 0; count--, next++) reg = _mm_crc32_u8(reg, *next);
  return reg;
}

#elif defined(__ARM_FEATURE_CRC32)

#include <arm_acle.h>

int quorate_has_crc32c(void) { return 1; }

uint32_t quorate_crc32c(uint32_t reg, const void *bytes, size_t count) {
  const unsigned char *next = bytes;
  for (; count >= 8; count -= 8, next += 8) {
    uint64_t word;
    memcpy(&word, next, 8);
    reg = __crc32cd(reg, word);
  }
  for (; count > 0; count--, next++) reg = __crc32cb(reg, *next);
  return reg;
}

#else

int quorate_has_crc32c(void) { return 0; }

uint32_t quorate_crc32c(uint32_t reg, const void *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return reg;
}

#endif
