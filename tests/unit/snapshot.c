/*
 * A snapshot's bytes: whole they are read as they were written; cut, longer or changed in any byte
 * they are refused with a sentence.
 */
#include "glproxy/snapshot_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void write_image(struct buf *image)
{
	record_begin_image(image, 42);
	const size_t first = record_begin(image, SNAPSHOT_CONTEXT);
	record_u32(image, 7);
	record_bytes(image, "abc", 3);
	record_end(image, first);
	const size_t second = record_begin(image, SNAPSHOT_STREAM);
	record_u32(image, 8);
	record_end(image, second);
	record_end_image(image);
	assert_false(buf_failed(image));
}

static void a_whole_image_is_read(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	struct span body, record, bytes;
	uint32_t tag;
	int32_t pid;
	write_image(&image);
	assert_int_equal(record_open(&image, &body, &pid, NULL), 0);
	assert_int_equal(pid, 42);
	assert_true(record_next(&body, &tag, &record));
	assert_int_equal(tag, SNAPSHOT_CONTEXT);
	assert_int_equal(span_u32(&record), 7);
	bytes = span_bytes(&record);
	assert_int_equal(bytes.left, 3);
	assert_memory_equal(bytes.at, "abc", 3);
	assert_true(record_next(&body, &tag, &record));
	assert_int_equal(tag, SNAPSHOT_STREAM);
	assert_int_equal(span_u32(&record), 8);
	assert_false(record.failed);
	assert_false(record_next(&body, &tag, &record));
	assert_false(body.failed);
}

static void a_cut_image_is_refused(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	struct span body;
	int32_t pid;
	write_image(&image);
	while (image.size) {
		struct err err = ERR_INIT;
		image.size--;
		assert_int_equal(record_open(&image, &body, &pid, &err), -1);
		assert_true(err.text[0]);
	}
}

static void a_changed_byte_is_refused(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	struct span body;
	int32_t pid;
	write_image(&image);
	for (size_t at = 0; at < image.size; at++) {
		struct err err = ERR_INIT;
		if (at >= 8 && at < 16)
			continue; /* the PID, and room */
		image.data[at] ^= 1;
		assert_int_equal(record_open(&image, &body, &pid, &err), -1);
		image.data[at] ^= 1;
	}
}

/* Lengths that lead outside, in an image whose checksum is right. */
static void lengths_are_compared(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	struct span body, record;
	uint32_t tag;
	int32_t pid;
	const uint64_t huge = UINT64_MAX;
	record_begin_image(&image, 1);
	const size_t place = record_begin(&image, SNAPSHOT_SURFACE);
	buf_append(&image, &huge, sizeof(huge));
	record_end(&image, place);
	record_end_image(&image);
	assert_int_equal(record_open(&image, &body, &pid, NULL), 0);
	assert_true(record_next(&body, &tag, &record));
	assert_int_equal(span_bytes(&record).left, 0);
	assert_true(record.failed);
	assert_int_equal(span_u32(&record), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_whole_image_is_read),
		cmocka_unit_test(a_cut_image_is_refused),
		cmocka_unit_test(a_changed_byte_is_refused),
		cmocka_unit_test(lengths_are_compared)};
	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
