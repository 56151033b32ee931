/*
 * pool.h: the buffers that criu's data goes through, each STREAM_CHUNK bytes.
 *
 * Memory that was never touched is slow to write the first time (the kernel clears it; in a virtual
 * machine the host may have to find it first: 0.5 GB/s was measured), so the buffers are touched
 * before the application is frozen, in several threads, in huge pages where the kernel has them.
 *
 * Any thread may get and put. A buffer that was got is the caller's until it is put back.
 */
#ifndef XDETACH_STREAM_POOL_H
#define XDETACH_STREAM_POOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct stream_pool;

/*
 * `least` buffers are there in any case; up to `wanted` are prepared as far as memory allows and
 * as `seconds` of preparation suffice.
 */
struct stream_pool *stream_pool_create(
	size_t least, size_t wanted, unsigned threads, double seconds, struct err *err);

/*
 * Waits for a free buffer. NULL after stream_pool_stop(), or without memory. One more is made when
 * none was sent on, so that waiting would be for ever; and, up to the `wanted` ones, once buffers
 * have come back so slowly that touching new memory, slow as it is, is faster.
 */
uint8_t *stream_pool_get(struct stream_pool *pool);
void stream_pool_put(struct stream_pool *pool, uint8_t *buffer);

/* A buffer that was got is now in the hands of those who will put it. */
void stream_pool_sent(struct stream_pool *pool);

/* True when few are left, or not enough for `coming` bytes. */
bool stream_pool_is_low(struct stream_pool *pool, uint64_t coming);

/* Buffers there. */
size_t stream_pool_size(const struct stream_pool *pool);

/* Wakes all who wait in get; get gives nothing from now on. */
void stream_pool_stop(struct stream_pool *pool);

/* All buffers must be back. Takes NULL. */
void stream_pool_destroy(struct stream_pool *pool);

/* Bytes of memory this process may take without hurting anybody: what is available here and under
 * the limits of its control groups, less a margin. */
uint64_t stream_pool_spare_memory(void);

#endif
