/*
 * A snapshot's bytes: whole they are read as they were written; cut, longer or changed in any byte
 * they are refused with a sentence. In memory and in a file, with contents beside it.
 */
#include "base/io.h"
#include "glproxy/snapshot_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void write_records(struct snapshot_out *out)
{
	const size_t first = record_begin(&out->record, SNAPSHOT_CONTEXT);
	record_u32(&out->record, 7);
	record_bytes(&out->record, "abc", 3);
	record_end(&out->record, first);
	snapshot_out_flush(out);
	const size_t second = record_begin(&out->record, SNAPSHOT_STREAM);
	record_u32(&out->record, 8);
	record_end(&out->record, second);
}

static void write_image(const struct snapshot_place *place)
{
	struct err err = ERR_INIT;
	scoped(snapshot_out_finish) struct snapshot_out out;
	assert_int_equal(snapshot_out_open(&out, place, 42, &err), 0);
	write_records(&out);
	assert_int_equal(snapshot_out_end(&out), 0);
}

/* 0 when the image is whole. */
static int read_image(const struct snapshot_place *place, struct err *err)
{
	scoped(snapshot_in_finish) struct snapshot_in in;
	struct span record;
	uint32_t tag;
	if (snapshot_in_open(&in, place, err))
		return -1;
	while (snapshot_in_next(&in, &tag, &record))
		;
	return in.failed ? -1 : 0;
}

static void expect_image(const struct snapshot_place *place)
{
	struct err err = ERR_INIT;
	scoped(snapshot_in_finish) struct snapshot_in in;
	struct span record, bytes;
	uint32_t tag;
	assert_int_equal(snapshot_in_open(&in, place, &err), 0);
	assert_int_equal(in.pid, 42);
	assert_true(snapshot_in_next(&in, &tag, &record));
	assert_int_equal(tag, SNAPSHOT_CONTEXT);
	assert_int_equal(span_u32(&record), 7);
	bytes = span_bytes(&record);
	assert_int_equal(bytes.left, 3);
	assert_memory_equal(bytes.at, "abc", 3);
	assert_true(snapshot_in_next(&in, &tag, &record));
	assert_int_equal(tag, SNAPSHOT_STREAM);
	assert_int_equal(span_u32(&record), 8);
	assert_false(record.failed);
	assert_false(snapshot_in_next(&in, &tag, &record));
	assert_false(in.failed);
}

static void expect_refusal(const struct snapshot_place *place)
{
	struct err err = ERR_INIT;
	assert_int_equal(read_image(place, &err), -1);
	assert_true(err.text[0]);
}

static void a_whole_image_is_read(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	const struct snapshot_place place = {.memory = &image};
	write_image(&place);
	expect_image(&place);
}

static void a_cut_or_longer_image_is_refused(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	const struct snapshot_place place = {.memory = &image};
	write_image(&place);
	buf_append(&image, "", 1);
	expect_refusal(&place);
	for (image.size--; image.size;) {
		image.size--;
		expect_refusal(&place);
	}
}

static void a_changed_byte_is_refused(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	const struct snapshot_place place = {.memory = &image};
	write_image(&place);
	for (size_t at = 0; at < image.size; at++) {
		image.data[at] ^= 1;
		/* But for what is reserved in the head of the last record, and its padding. */
		if (at < image.size - 28 || at >= image.size - 24)
			expect_refusal(&place);
		image.data[at] ^= 1;
	}
}

/* Lengths that lead outside, in an image whose checksum is right. */
static void lengths_are_compared(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	const struct snapshot_place place = {.memory = &image};
	struct err err = ERR_INIT;
	scoped(snapshot_out_finish) struct snapshot_out out;
	scoped(snapshot_in_finish) struct snapshot_in in;
	struct span record;
	uint32_t tag;
	const uint64_t huge = UINT64_MAX;
	snapshot_out_open(&out, &place, 1, &err);
	const size_t at = record_begin(&out.record, SNAPSHOT_SURFACE);
	buf_append(&out.record, &huge, sizeof(huge));
	record_end(&out.record, at);
	assert_int_equal(snapshot_out_end(&out), 0);
	assert_int_equal(snapshot_in_open(&in, &place, &err), 0);
	assert_true(snapshot_in_next(&in, &tag, &record));
	assert_int_equal(span_bytes(&record).left, 0);
	assert_true(record.failed);
	assert_int_equal(span_u32(&record), 0);
}

/* ---- files ---- */

struct folder {
	char path[64];
};

static void folder_make(struct folder *folder)
{
	strcpy(folder->path, "/tmp/glckpt-snapshot-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
}

static void folder_finish(struct folder *folder)
{
	io_remove_tree(AT_FDCWD, folder->path, NULL);
}

static void a_file_is_refused_where_it_is_damaged(void **state)
{
	scoped(folder_finish) struct folder folder;
	scoped_buf struct buf bytes = BUF_INIT;
	folder_make(&folder);
	const struct snapshot_place place = {.directory = folder.path, .name = "p1.glsnap"};
	write_image(&place);
	expect_image(&place);
	char path[96];
	snprintf(path, sizeof(path), "%s/p1.glsnap", folder.path);
	io_read_file(AT_FDCWD, path, &bytes, 1 << 20, NULL);
	for (size_t cut = 0; cut < bytes.size; cut++) {
		io_write_file(AT_FDCWD, path, bytes.data, cut, 0600, NULL);
		expect_refusal(&place);
	}
}

static void put(const char *directory, const char *parent, const void *data, size_t size,
	struct content_hash *hash, uint64_t *written)
{
	struct err err = ERR_INIT;
	scoped(contents_close) struct contents contents;
	assert_int_equal(contents_open(&contents, directory, parent, true, &err), 0);
	assert_int_equal(contents_put(&contents, data, size, hash, &err), 0);
	*written = contents.written;
}

static void get(const char *directory, const struct content_hash *hash, const void *data,
	size_t size, int expected)
{
	struct err err = ERR_INIT;
	scoped_free char *found = calloc(1, size);
	scoped(contents_close) struct contents contents;
	assert_int_equal(contents_open(&contents, directory, NULL, false, &err), 0);
	assert_int_equal(contents_get(&contents, hash, found, size, &err), expected);
	if (expected)
		assert_non_null(strstr(err.text, "damaged"));
	else
		assert_memory_equal(found, data, size);
}

static void unchanged_contents_are_linked(void **state)
{
	scoped(folder_finish) struct folder first, second;
	struct content_hash hash, again;
	uint64_t written;
	const size_t size = CONTENTS_MIN * 3 + 5;
	scoped_free char *data = malloc(size);
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * i >> 7);
	folder_make(&first);
	folder_make(&second);
	put(first.path, NULL, data, size, &hash, &written);
	assert_true(written > 0);
	put(second.path, first.path, data, size, &again, &written);
	assert_int_equal(written, 0);
	assert_memory_equal(&hash, &again, sizeof(hash));
	io_remove_tree(AT_FDCWD, first.path, NULL);
	get(second.path, &hash, data, size, 0);
}

static void damaged_contents_are_refused(void **state)
{
	scoped(folder_finish) struct folder folder;
	scoped_buf struct buf bytes = BUF_INIT;
	struct content_hash hash;
	uint64_t written;
	char path[128], name[CONTENTS_NAME];
	char data[5000];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * i >> 5);
	folder_make(&folder);
	put(folder.path, NULL, data, sizeof(data), &hash, &written);
	contents_name(&hash, name);
	snprintf(path, sizeof(path), "%s/" CONTENTS_DIR "/%s", folder.path, name);
	io_read_file(AT_FDCWD, path, &bytes, 1 << 20, NULL);
	for (size_t at = 16; at < bytes.size; at += 7) {
		bytes.data[at] ^= 0x20;
		io_write_file(AT_FDCWD, path, bytes.data, bytes.size, 0600, NULL);
		get(folder.path, &hash, data, sizeof(data), -1);
		bytes.data[at] ^= 0x20;
	}
	io_write_file(AT_FDCWD, path, bytes.data, bytes.size - 1, 0600, NULL);
	get(folder.path, &hash, data, sizeof(data), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_whole_image_is_read),
		cmocka_unit_test(a_cut_or_longer_image_is_refused),
		cmocka_unit_test(a_changed_byte_is_refused), cmocka_unit_test(lengths_are_compared),
		cmocka_unit_test(a_file_is_refused_where_it_is_damaged),
		cmocka_unit_test(unchanged_contents_are_linked),
		cmocka_unit_test(damaged_contents_are_refused)};
	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
