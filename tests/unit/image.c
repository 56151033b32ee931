/* image: there completely or not at all; every changed byte of every part is found; what a crash
 * left (part.h) goes, what another host may still be writing stays. */
#define _GNU_SOURCE
#include "xdetach/image/image.h"

#include "base/io.h"
#include "xdetach/image/manifest.h"
#include "xdetach/image/part.h"
#include "xdetach/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <cmocka.h>

static char folder[64];

/* ---- fstatfs(2), as part.c calls it ---- */

static long kind; /* of file system that every folder is on; 0: its own */

int fstatfs(int fd, struct statfs *st)
{
	struct statfs real;
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (statfs(path, &real) < 0)
		return -1;
	*st = real;
	if (kind)
		st->f_type = kind;
	return 0;
}

static int set_up(void **state)
{
	kind = 0;
	strcpy(folder, "/tmp/glckpt-image-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	return io_remove_tree(AT_FDCWD, folder, NULL);
}

static const char *in_folder(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static size_t count_entries(void)
{
	size_t count = 0;
	scoped_dir DIR *dir = opendir(folder);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	return count;
}

/* ---- making one ---- */

/* criu's stream without a file in it: what matters here is the frame around it. */
static void put_stream(const char *dir)
{
	char path[300];
	struct err err = ERR_INIT;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stream_capture_options options = {.threads = 1};
	snprintf(path, sizeof(path), "%s/" IMAGE_STREAM, dir);
	struct stream_capture *capture = stream_capture_create(folder, path, &options, &err);
	assert_non_null(capture);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/streamer-capture.sock", folder);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(stream_capture_finish(capture, NULL, &err), 0);
	stream_capture_destroy(capture);
	unlink(in_folder("streamer-capture.sock"));
}

static void put_part(const char *dir, const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(io_write_file(AT_FDCWD, path, text, strlen(text), 0600, NULL), 0);
}

static void put_parts(const char *dir)
{
	char path[300];
	put_stream(dir);
	put_part(dir, "screen.png", "no real picture");
	static const char *const folders[] = {"files", "log"};
	for (size_t i = 0; i < array_len(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	put_part(dir, "files/0", "");
	put_part(dir, "files/1", "what was being written");
	put_part(dir, "log/dump.log", "all went well\n");
}

static int publish(struct image_writer *writer, struct err *err)
{
	json_t *manifest = json_pack("{s:s, s:[i]}", "session", "demo", "list", 1);
	int result = image_writer_publish(writer, manifest, err);
	json_decref(manifest);
	return result;
}

static void make(const char *name)
{
	struct err err = ERR_INIT;
	struct image_writer *writer = image_writer_create(in_folder(name), &err);
	assert_string_equal(err.text, "");
	put_parts(image_writer_dir(writer));
	assert_int_equal(access(in_folder(name), F_OK), -1);
	assert_int_equal(publish(writer, &err), 0);
	assert_string_equal(err.text, "");
	image_writer_destroy(writer);
}

static int check(const char *name, struct err *err)
{
	struct image image;
	*err = (struct err)ERR_INIT;
	if (image_open(&image, in_folder(name), err) < 0)
		return -1;
	int result = image_verify(&image, NULL, NULL, err);
	image_close(&image);
	return result;
}

static void expect_bad(const char *name, const char *why)
{
	struct err err;
	assert_int_equal(check(name, &err), -1);
	assert_non_null(strstr(err.text, why));
}

/* ---- tests ---- */

static void image_is_published(void **state)
{
	struct stat st;
	struct err err;
	struct image image;
	make("image");
	assert_int_equal(count_entries(), 1);
	assert_int_equal(check("image", &err), 0);
	assert_int_equal(image_open(&image, in_folder("image"), &err), 0);
	assert_int_equal(image_verify_frame(&image, NULL, NULL, &err), 0);
	image_close(&image);
	assert_int_equal(stat(in_folder("image"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(image_open(&image, in_folder("image"), &err), 0);
	assert_string_equal(json_string_value(json_object_get(image.manifest, "session")), "demo");
	assert_int_equal(strlen(json_string_value(json_object_get(image.manifest, "id"))), 32);
	assert_int_equal(json_object_size(json_object_get(image.manifest, "parts")), 5);
	assert_true(image_bytes(&image) >= 4096);
	image_close(&image);
	image_close(&image);
}

static void name_must_be_free(void **state)
{
	struct err err = ERR_INIT;
	make("image");
	assert_null(image_writer_create(in_folder("image"), &err));
	assert_non_null(strstr(err.text, "exists already"));
	err = (struct err)ERR_INIT;
	assert_null(image_writer_create(in_folder("none/image"), &err));
	assert_non_null(strstr(err.text, "none"));
	err = (struct err)ERR_INIT;
	assert_null(image_writer_create("/", &err));
	assert_true(err_is_set(&err));
}

static void name_taken_meanwhile_is_kept(void **state)
{
	struct err err = ERR_INIT;
	struct image_writer *writer = image_writer_create(in_folder("image"), &err);
	put_parts(image_writer_dir(writer));
	assert_int_equal(mkdir(in_folder("image"), 0700), 0);
	assert_int_equal(publish(writer, &err), -1);
	assert_non_null(strstr(err.text, strerror(EEXIST)));
	image_writer_destroy(writer);
	assert_int_equal(count_entries(), 1);
}

static void unpublished_image_leaves_nothing(void **state)
{
	struct err err = ERR_INIT;
	struct image_writer *writer = image_writer_create(in_folder("image"), &err);
	put_parts(image_writer_dir(writer));
	image_writer_destroy(writer);
	image_writer_destroy(NULL);
	assert_int_equal(count_entries(), 0);
}

/* ---- what a crash left ---- */

static void leave_part(const char *name, const char *marker)
{
	char path[128];
	assert_int_equal(mkdir(in_folder(name), 0700), 0);
	snprintf(path, sizeof(path), "%s/" IMAGE_MARKER, name);
	if (marker)
		put_part(folder, path, marker);
	snprintf(path, sizeof(path), "%s/" IMAGE_STREAM, name);
	put_part(folder, path, "half");
}

static char *marker_of_this_boot(void)
{
	json_t *writer = json_pack("{s:s, s:o}", "host", "here", "place", place_describe());
	char *text = json_dumps(writer, 0);
	json_decref(writer);
	return text;
}

static bool is_there(const char *name)
{
	return access(in_folder(name), F_OK) == 0;
}

/* Another host's, of which nobody here knows whether its writer lives; ours; one that says nothing;
 * and a folder that is none of ours. */
static void leave_parts(long on)
{
	scoped_free char *ours = marker_of_this_boot();
	kind = on;
	leave_part("faraway.part-abcdef",
		"{\"host\": \"faraway\", \"place\": {\"boot\": \"another\", \"pid_namespace\": "
		"1}}");
	leave_part("ours.part-abcdef", ours);
	leave_part("old.part-abcdef", "");
	leave_part("foreign.part-abcdef", NULL);
	assert_int_equal(mkdir(in_folder("empty.part-abcdef"), 0700), 0);
}

static void expect_parts(bool faraway, bool old, bool empty)
{
	assert_int_equal(is_there("faraway.part-abcdef/" IMAGE_STREAM), faraway);
	assert_int_equal(is_there("old.part-abcdef/" IMAGE_STREAM), old);
	assert_int_equal(is_there("empty.part-abcdef"), empty);
	assert_false(is_there("ours.part-abcdef"));
	assert_true(is_there("foreign.part-abcdef/" IMAGE_STREAM));
}

/* Nobody holds a lock that all would see. */
static void what_a_crash_left_is_removed(void **state)
{
	struct err err = ERR_INIT;
	leave_parts(EXT4_SUPER_MAGIC);
	struct image_writer *writer = image_writer_create(in_folder("image"), &err);
	expect_parts(false, false, false);
	image_writer_destroy(writer);
}

/* A lock that can be had says nothing about a writer on another host. */
static void what_another_host_may_be_writing_is_left(void **state)
{
	struct err err = ERR_INIT;
	leave_parts(NFS_SUPER_MAGIC);
	struct image_writer *writer = image_writer_create(in_folder("image"), &err);
	expect_parts(true, true, true);
	image_writer_destroy(writer);
}

static void who_holds_the_job_removes_other_hosts_parts(void **state)
{
	leave_parts(NFS_SUPER_MAGIC);
	assert_int_equal(image_part_sweep_job(folder, NULL), 0);
	expect_parts(false, false, false);
}

static void what_is_being_written_is_left(void **state)
{
	static const long kinds[] = {EXT4_SUPER_MAGIC, NFS_SUPER_MAGIC};
	for (size_t i = 0; i < array_len(kinds); i++) {
		struct err err = ERR_INIT;
		kind = kinds[i];
		struct image_writer *live = image_writer_create(in_folder("image"), &err);
		assert_int_equal(image_part_sweep(folder, &err), 0);
		assert_int_equal(image_part_sweep_job(folder, &err), 0);
		put_parts(image_writer_dir(live));
		assert_int_equal(publish(live, &err), 0);
		image_writer_destroy(live);
		assert_int_equal(io_remove_tree(AT_FDCWD, in_folder("image"), &err), 0);
	}
}

static void every_flipped_byte_is_found(const char *part)
{
	struct err err;
	scoped_buf struct buf bytes = BUF_INIT;
	char path[128];
	snprintf(path, sizeof(path), "image/%s", part);
	assert_int_equal(io_read_file(AT_FDCWD, in_folder(path), &bytes, 1 << 20, NULL), 0);
	scoped_fd int fd = open(in_folder(path), O_RDWR | O_CLOEXEC);
	for (size_t at = 0; at < bytes.size; at++) {
		char flipped = bytes.data[at] ^ 4;
		assert_int_equal(io_pwrite_full(fd, &flipped, 1, (off_t)at), 0);
		assert_int_equal(check("image", &err), -1);
		assert_true(err_is_set(&err));
		assert_int_equal(io_pwrite_full(fd, bytes.data + at, 1, (off_t)at), 0);
	}
	assert_int_equal(check("image", &err), 0);
}

static void flipped_bytes_are_found(void **state)
{
	static const char *const parts[] = {
		IMAGE_MANIFEST, IMAGE_STREAM, "screen.png", "files/1", "log/dump.log"};
	make("image");
	for (size_t i = 0; i < array_len(parts); i++)
		every_flipped_byte_is_found(parts[i]);
}

static void cut_parts_are_found(void **state)
{
	static const char *const parts[] = {
		IMAGE_MANIFEST, IMAGE_STREAM, "screen.png", "log/dump.log"};
	for (size_t i = 0; i < array_len(parts); i++) {
		char path[128];
		struct err err;
		struct stat st;
		make("image");
		snprintf(path, sizeof(path), "image/%s", parts[i]);
		assert_int_equal(stat(in_folder(path), &st), 0);
		for (off_t size = st.st_size - 1; size >= 0; size -= 1 + size / 9) {
			assert_int_equal(truncate(in_folder(path), size), 0);
			assert_int_equal(check("image", &err), -1);
		}
		assert_int_equal(io_remove_tree(AT_FDCWD, in_folder("image"), NULL), 0);
	}
}

static void missing_and_added_parts_are_found(void **state)
{
	struct err err;
	make("image");
	put_part(folder, "image/files/7", "added");
	expect_bad("image", "files/7 does not belong");
	assert_int_equal(unlink(in_folder("image/files/7")), 0);
	assert_int_equal(symlink("/etc/passwd", in_folder("image/link")), 0);
	expect_bad("image", "link is neither");
	assert_int_equal(unlink(in_folder("image/link")), 0);
	assert_int_equal(check("image", &err), 0);
	assert_int_equal(rename(in_folder("image/files/0"), in_folder("kept")), 0);
	expect_bad("image", "files/0 is missing");
	assert_int_equal(rename(in_folder("kept"), in_folder("image/files/0")), 0);
	assert_int_equal(unlink(in_folder("image/" IMAGE_MANIFEST)), 0);
	expect_bad("image", "not an image of glckpt");
	expect_bad("none", strerror(ENOENT));
}

static void rewrite_manifest(const char *key, json_t *value)
{
	struct err err = ERR_INIT;
	struct image image;
	scoped_buf struct buf text = BUF_INIT;
	assert_int_equal(image_open(&image, in_folder("image"), &err), 0);
	json_object_del(image.manifest, "checksum");
	json_object_set_new(image.manifest, key, value);
	assert_int_equal(image_manifest_format(image.manifest, &text, &err), 0);
	put_part(folder, "image/" IMAGE_MANIFEST, text.data);
	image_close(&image);
}

static void newer_version_is_refused(void **state)
{
	make("image");
	rewrite_manifest("version", json_integer(IMAGE_VERSION + 1));
	expect_bad("image", "format version 2");
	expect_bad("image", "knows version 1");
}

static void part_of_another_image_is_found(void **state)
{
	make("image");
	put_part(folder, "image/files/1", "what was being WRITTEN");
	expect_bad("image", "files/1 is damaged");
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_folder(image_is_published),
		in_a_folder(name_must_be_free),
		in_a_folder(name_taken_meanwhile_is_kept),
		in_a_folder(unpublished_image_leaves_nothing),
		in_a_folder(what_a_crash_left_is_removed),
		in_a_folder(what_another_host_may_be_writing_is_left),
		in_a_folder(who_holds_the_job_removes_other_hosts_parts),
		in_a_folder(what_is_being_written_is_left),
		in_a_folder(flipped_bytes_are_found),
		in_a_folder(cut_parts_are_found),
		in_a_folder(missing_and_added_parts_are_found),
		in_a_folder(newer_version_is_refused),
		in_a_folder(part_of_another_image_is_found),
	};
	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
