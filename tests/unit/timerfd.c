/* timerfd: the timers in files.img are put right, and nothing else is touched. */
#include "xdetach/engine/timerfd.h"

#include "xdetach/engine/filesimg.h"

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/timerfd.h>

#include <cmocka.h>

struct timer {
	uint64_t ticks, flags, left_s, left_ns, period_s, period_ns;
};

static void begin(struct buf *image)
{
	static const uint32_t magics[] = {0x54564319u, 0x56303138u};
	for (size_t i = 0; i < array_len(magics); i++) {
		uint32_t magic = htole32(magics[i]);
		buf_append(image, &magic, sizeof(magic));
	}
}

static void add_entry(struct buf *image, uint32_t kind, const struct buf *message)
{
	scoped_buf struct buf entry = BUF_INIT;
	proto_put_number(&entry, 1, 9);
	proto_put_number(&entry, 2, 7);
	proto_put_bytes(&entry, kind, message->data, message->size);
	uint32_t length = htole32((uint32_t)entry.size);
	buf_append(image, &length, sizeof(length));
	buf_append(image, entry.data, entry.size);
}

static void add_timer(struct buf *image, const struct timer *timer)
{
	scoped_buf struct buf message = BUF_INIT;
	const uint64_t numbers[] = {1, 02000002, 0, 1, timer->ticks, timer->flags, timer->left_s,
		timer->left_ns, timer->period_s, timer->period_ns};
	for (uint32_t i = 0; i < array_len(numbers); i++) {
		if (i + 1 == 3)
			proto_put_bytes(&message, 3, "owner", 5);
		else
			proto_put_number(&message, i + 1, numbers[i]);
	}
	add_entry(image, FILESIMG_TIMERFD, &message);
}

static void expect(const struct timer *before, const struct timer *after)
{
	struct err err = ERR_INIT;
	scoped_buf struct buf image = BUF_INIT, wanted = BUF_INIT;
	begin(&image);
	begin(&wanted);
	add_timer(&image, before);
	add_timer(&wanted, after);
	assert_int_equal(timerfd_edit_criu(&image, &err), 0);
	assert_int_equal(image.size, wanted.size);
	assert_memory_equal(image.data, wanted.data, wanted.size);
}

static void periodic_timer_goes_on(void **state)
{
	expect(&(struct timer){.ticks = 3, .period_s = 1, .period_ns = 20},
		&(struct timer){
			.ticks = 3, .left_s = 1, .left_ns = 20, .period_s = 1, .period_ns = 20});
}

static void others_stay(void **state)
{
	static const struct timer timers[] = {
		{.ticks = 1},                                /* once, expired */
		{.period_s = 1},                             /* disarmed */
		{.ticks = 1, .left_ns = 5, .period_ns = 10}, /* armed again */
		{.left_s = 5, .flags = TFD_TIMER_CANCEL_ON_SET | TFD_TIMER_ABSTIME},
	};
	for (size_t i = 0; i < array_len(timers); i++)
		expect(&timers[i], &timers[i]);
}

static void absolute_timer_becomes_what_is_left(void **state)
{
	expect(&(struct timer){.left_s = 5, .left_ns = 6, .flags = TFD_TIMER_ABSTIME},
		&(struct timer){.left_s = 5, .left_ns = 6});
}

static void other_kinds_stay(void **state)
{
	struct err err = ERR_INIT;
	scoped_buf struct buf image = BUF_INIT, message = BUF_INIT, before = BUF_INIT;
	proto_put_number(&message, 5, 1);
	proto_put_number(&message, 9, 1);
	begin(&image);
	add_entry(&image, FILESIMG_REG, &message);
	buf_append(&before, image.data, image.size);
	assert_int_equal(timerfd_edit_criu(&image, &err), 0);
	assert_int_equal(image.size, before.size);
	assert_memory_equal(image.data, before.data, before.size);
}

/* A cut image is refused and stays as it is, but where the cut leaves whole entries. */
static void cut_image_is_refused(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	begin(&image);
	add_timer(&image, &(struct timer){.ticks = 1, .period_s = 1});
	for (size_t size = 0; size < image.size; size++) {
		struct err err = ERR_INIT;
		scoped_buf struct buf cut = BUF_INIT;
		buf_append(&cut, image.data, size);
		assert_int_equal(timerfd_edit_criu(&cut, &err), size == 8 ? 0 : -1);
		assert_int_equal(cut.size, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(periodic_timer_goes_on),
		cmocka_unit_test(others_stay),
		cmocka_unit_test(absolute_timer_becomes_what_is_left),
		cmocka_unit_test(other_kinds_stay),
		cmocka_unit_test(cut_image_is_refused),
	};
	return cmocka_run_group_tests_name("timerfd", tests, NULL, NULL);
}
