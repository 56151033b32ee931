/* stream-pool: buffers that come back in time, and such that do not. */
#include "xdetach/stream/pool.h"
#include "xdetach/stream/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { WANTED = 64 };

/* A few buffers are prepared, and there was no time for the others. Where memory is short there may
 * never be more. */
static struct stream_pool *make_pool(void)
{
	if (stream_pool_spare_memory() < WANTED * STREAM_CHUNK)
		skip();
	struct err err = ERR_INIT;
	struct stream_pool *pool = stream_pool_create(1, WANTED, 1, 0, &err);
	assert_non_null(pool);
	return pool;
}

static void finish(struct stream_pool *pool, uint8_t *const *buffers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		stream_pool_put(pool, buffers[i]);
	stream_pool_destroy(pool);
}

static void a_disk_that_is_too_slow_is_not_waited_for(void **state)
{
	struct stream_pool *pool = make_pool();
	size_t prepared = stream_pool_size(pool);
	uint8_t *buffers[WANTED] = {0};
	for (size_t i = 0; i < prepared; i++) {
		buffers[i] = stream_pool_get(pool);
		stream_pool_sent(pool);
	}
	buffers[prepared] = stream_pool_get(pool);
	assert_non_null(buffers[prepared]);
	assert_int_equal(stream_pool_size(pool), prepared + 1);
	finish(pool, buffers, prepared + 1);
}

static void a_buffer_that_came_back_is_taken_first(void **state)
{
	struct stream_pool *pool = make_pool();
	size_t prepared = stream_pool_size(pool);
	uint8_t *buffers[WANTED] = {0};
	for (size_t i = 0; i < prepared; i++)
		buffers[i] = stream_pool_get(pool);
	stream_pool_sent(pool);
	stream_pool_put(pool, buffers[0]);
	assert_ptr_equal(stream_pool_get(pool), buffers[0]);
	assert_int_equal(stream_pool_size(pool), prepared);
	finish(pool, buffers, prepared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_that_is_too_slow_is_not_waited_for),
		cmocka_unit_test(a_buffer_that_came_back_is_taken_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
