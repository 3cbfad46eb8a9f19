/*
 * Counts what each thread asks of malloc, for `micro` alone: an executable that defines these
 * functions takes them over for all libraries in its process, and glibc's own do the work
 * (https://www.gnu.org/software/libc/manual/html_node/Replacing-malloc.html). `free` stays glibc's,
 * to which every block belongs. Elsewhere, and under the address sanitizer, nothing is counted.
 */
#include "counted_malloc.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QUORATE_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(QUORATE_SANITIZED)

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static __thread int64_t requests;
static __thread int64_t bytes;

static void count(size_t size) {
  requests += 1;
  bytes += (int64_t)size;
}

void *malloc(size_t size) {
  count(size);
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count(number * size);
  return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
  count(size);
  return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
    return EINVAL;
  count(size);
  void *found = __libc_memalign(alignment, size);
  if (!found) return ENOMEM;
  *block = found;
  return 0;
}

int64_t counted_malloc_requests(void) { return requests; }
int64_t counted_malloc_bytes(void) { return bytes; }

#else

int64_t counted_malloc_requests(void) { return -1; }
int64_t counted_malloc_bytes(void) { return -1; }

#endif
