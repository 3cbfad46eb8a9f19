#include <stdint.h>

/* How often this thread has asked for memory so far; counts up from zero. -1: not counted here. */
int64_t counted_malloc_requests(void);

/* How many bytes it has asked for. -1: not counted here. */
int64_t counted_malloc_bytes(void);
