/* stream-format: the image file cut, flipped and forged. */
#define _GNU_SOURCE
#include "base/io.h"
#include "tests/fake_criu.h"
#include "xdetach/stream/format.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmocka.h>

/* ---- damaged files ---- */

static void expect_damaged(void)
{
	struct err err = ERR_INIT;
	assert_int_equal(stream_verify(fake_image, 2, NULL, NULL, &err), -1);
	assert_true(strlen(err.text) > strlen(fake_image));
}

static void every_flipped_byte_is_found(void **state)
{
	scoped_buf struct buf bytes = BUF_INIT;
	fake_make_small_image();
	fake_read_image(&bytes);
	scoped_fd int fd = open(fake_image, O_RDWR | O_CLOEXEC);
	for (size_t at = 0; at < bytes.size; at++) {
		char flipped = bytes.data[at] ^ 0x10;
		assert_int_equal(io_pwrite_full(fd, &flipped, 1, (off_t)at), 0);
		expect_damaged();
		assert_int_equal(io_pwrite_full(fd, bytes.data + at, 1, (off_t)at), 0);
	}
	struct err err = ERR_INIT;
	assert_int_equal(stream_verify(fake_image, 2, NULL, NULL, &err), 0);
}

static void flipped_bytes_of_a_large_file_are_found(void **state)
{
	scoped_buf struct buf bytes = BUF_INIT;
	fake_make_image(STREAM_AUTO, false, NULL);
	fake_read_image(&bytes);
	scoped_fd int fd = open(fake_image, O_RDWR | O_CLOEXEC);
	for (size_t at = 7; at < bytes.size; at += bytes.size / 37) {
		char flipped = bytes.data[at] ^ 1;
		assert_int_equal(io_pwrite_full(fd, &flipped, 1, (off_t)at), 0);
		expect_damaged();
		assert_int_equal(io_pwrite_full(fd, bytes.data + at, 1, (off_t)at), 0);
	}
}

static void every_cut_is_found(void **state)
{
	scoped_buf struct buf bytes = BUF_INIT;
	fake_make_small_image();
	fake_read_image(&bytes);
	for (size_t size = bytes.size; size-- > 0;) {
		assert_int_equal(truncate(fake_image, (off_t)size), 0);
		expect_damaged();
	}
	fake_write_image(bytes.data, bytes.size);
	scoped_fd int fd = open(fake_image, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(io_write_full(fd, "", 1), 0);
	expect_damaged();
}

/* ---- forged files ---- */

/* An index of our own behind `space` bytes of extents. */
static void forge(struct stream_index *index, uint64_t space)
{
	uint8_t header[STREAM_BLOCK];
	struct err err = ERR_INIT;
	scoped_buf struct buf bytes = BUF_INIT;
	stream_format_header(header);
	index->end = STREAM_BLOCK + space;
	scoped_free char *extents = calloc(1, space + 1);
	assert_int_equal(stream_format_index(index, &bytes, &err), 0);
	scoped_fd int fd = open(fake_image, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(io_write_full(fd, header, sizeof(header)), 0);
	assert_int_equal(io_write_full(fd, extents, space), 0);
	assert_int_equal(io_write_full(fd, bytes.data, bytes.size), 0);
}

static void forge_chunks(const struct stream_chunk *chunks, size_t count, uint64_t space)
{
	struct stream_index index = {0};
	struct stream_file *file = stream_index_add(&index, "forged.img");
	for (size_t i = 0; i < count; i++)
		stream_file_set(file, i, &chunks[i]);
	forge(&index, space);
	stream_index_finish(&index);
}

static void expect_refused(const char *why)
{
	struct err err = ERR_INIT;
	struct fake_listed listed = {0};
	assert_int_equal(stream_list(fake_image, fake_count_file, &listed, &err), -1);
	assert_non_null(strstr(err.text, why));
}

static void sizes_that_disagree_are_refused(void **state)
{
	const struct stream_chunk good = {.offset = STREAM_BLOCK,
		.raw = 100,
		.stored = 100,
		.extent = 100,
		.kind = STREAM_KIND_RAW};
	struct stream_chunk bad[10];
	struct fake_listed listed = {0};
	forge_chunks(&good, 1, 100);
	assert_int_equal(stream_list(fake_image, fake_count_file, &listed, NULL), 0);
	for (size_t i = 0; i < array_len(bad); i++)
		bad[i] = good;
	bad[0].raw = 0;
	bad[1].raw = STREAM_CHUNK + 1;
	bad[2].stored = 99;
	bad[3].extent = 99;
	bad[4].extent = 5000;
	bad[5].kind = 0;
	bad[6].kind = STREAM_KIND_ZERO;
	bad[7].offset = 0;
	bad[8].offset = UINT64_MAX - 50;
	bad[9].offset = STREAM_BLOCK + 1;
	for (size_t i = 0; i < array_len(bad); i++) {
		forge_chunks(&bad[i], 1, 100);
		expect_refused("damaged");
	}
}

static void overlaps_gaps_and_twins_are_refused(void **state)
{
	struct stream_chunk chunks[2] = {
		{.offset = 4096, .raw = 64, .stored = 64, .extent = 64, .kind = STREAM_KIND_RAW},
		{.offset = 4160, .raw = 64, .stored = 64, .extent = 64, .kind = STREAM_KIND_RAW}};
	forge_chunks(chunks, 2, 128);
	assert_int_equal(
		stream_list(fake_image, fake_count_file, &(struct fake_listed){0}, NULL), 0);
	chunks[1].offset = 4150;
	forge_chunks(chunks, 2, 128);
	expect_refused("overlap");
	chunks[1].offset = 4170;
	forge_chunks(chunks, 2, 138);
	expect_refused("gap");
	chunks[1].offset = 4160;
	forge_chunks(chunks, 2, 200);
	expect_refused("without an owner");
	struct stream_index index = {0};
	stream_index_add(&index, "twin.img");
	stream_index_add(&index, "twin.img");
	forge(&index, 0);
	stream_index_finish(&index);
	expect_refused("twin.img twice");
}

static void names_that_lead_away_are_refused(void **state)
{
	static const char *const names[] = {"a/b", "../x", ""};
	for (size_t i = 0; i < array_len(names); i++) {
		struct stream_index index = {0};
		stream_index_add(&index, names[i]);
		forge(&index, 0);
		stream_index_finish(&index);
		expect_refused("damaged");
	}
}

/* Sets the checksum at the end of a structure. */
static void seal(char *data, size_t size)
{
	uint64_t sum = XXH3_64bits(data, size - sizeof(sum));
	memcpy(data + size - sizeof(sum), &sum, sizeof(sum));
}

static void newer_version_is_refused(void **state)
{
	scoped_buf struct buf bytes = BUF_INIT;
	fake_make_small_image();
	fake_read_image(&bytes);
	bytes.data[8] = STREAM_VERSION + 1;
	seal(bytes.data, STREAM_BLOCK);
	fake_write_image(bytes.data, bytes.size);
	expect_refused("format version 2 is not known here");
}

static void put_u64(char *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void unknown_tag_is_skipped(void **state)
{
	enum { TRAILER = 64 };
	uint64_t offset;
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_buf struct buf longer = BUF_INIT;
	fake_make_small_image();
	fake_read_image(&bytes);
	char trailer[TRAILER];
	memcpy(trailer, bytes.data + bytes.size - TRAILER, TRAILER);
	memcpy(&offset, trailer + 16, sizeof(offset));
	buf_append(&longer, bytes.data, bytes.size - TRAILER);
	buf_append(&longer, "NEW!\x03\0\0\0abc", 11);
	put_u64(trailer + 24, longer.size - offset);
	put_u64(trailer + 32, XXH3_64bits(longer.data + offset, longer.size - offset));
	put_u64(trailer + 40, longer.size + TRAILER);
	seal(trailer, TRAILER);
	buf_append(&longer, trailer, TRAILER);
	fake_write_image(longer.data, longer.size);
	struct err err = ERR_INIT;
	assert_int_equal(stream_verify(fake_image, 2, NULL, NULL, &err), 0);
	fake_expect_extracted(1);
}

static void seal_tells_files_apart(void **state)
{
	char first[STREAM_SEAL_SIZE], again[STREAM_SEAL_SIZE], other[STREAM_SEAL_SIZE];
	struct err err = ERR_INIT;
	fake_make_small_image();
	assert_int_equal(stream_seal(fake_image, first, &err), 0);
	assert_int_equal(stream_seal(fake_image, again, &err), 0);
	assert_string_equal(first, again);
	assert_int_equal(unlink(fake_image), 0);
	fake_make_image(STREAM_RAW, false, NULL);
	assert_int_equal(stream_seal(fake_image, other, &err), 0);
	assert_string_not_equal(first, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_folder(every_flipped_byte_is_found),
		in_a_folder(flipped_bytes_of_a_large_file_are_found),
		in_a_folder(every_cut_is_found),
		in_a_folder(sizes_that_disagree_are_refused),
		in_a_folder(overlaps_gaps_and_twins_are_refused),
		in_a_folder(names_that_lead_away_are_refused),
		in_a_folder(newer_version_is_refused),
		in_a_folder(unknown_tag_is_skipped),
		in_a_folder(seal_tells_files_apart),
	};
	return cmocka_run_group_tests_name("stream-format", tests, NULL, NULL);
}
