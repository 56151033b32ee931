/* base: bytes that grow, the first error wins, files are there completely or not at all. */
#define _GNU_SOURCE
#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/lockdir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/glckpt-base-XXXXXX";
static int folder_fd = -1;

static int set_up(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	close(folder_fd);
	return io_remove_tree(AT_FDCWD, folder, NULL);
}

/* ---- buf ---- */

static void buf_is_a_string_while_it_grows(void **state)
{
	scoped_buf struct buf buf = BUF_INIT;
	for (int i = 0; i < 1000; i++)
		buf_printf(&buf, "%03d,", i);
	assert_false(buf_failed(&buf));
	assert_int_equal(buf.size, 4000);
	assert_int_equal(strlen(buf.data), 4000);
	buf_consume(&buf, 3996);
	assert_string_equal(buf.data, "999,");
	buf_consume(&buf, 5);
	assert_int_equal(buf.size, 0);
}

static void buf_stays_failed(void **state)
{
	scoped_buf struct buf buf = BUF_INIT;
	buf_append_text(&buf, "kept");
	assert_null(buf_reserve(&buf, SIZE_MAX - 2));
	assert_true(buf_failed(&buf));
	buf_append_text(&buf, "lost");
	assert_string_equal(buf.data, "kept");
	assert_null(buf_steal(&buf));
}

static void buf_gives_itself_away(void **state)
{
	scoped_buf struct buf buf = BUF_INIT;
	scoped_free char *empty = buf_steal(&buf);
	assert_string_equal(empty, "");
	buf_append(&buf, "a\0b", 3);
	scoped_free char *text = buf_steal(&buf);
	assert_memory_equal(text, "a\0b", 4);
	assert_null(buf.data);
	buf_finish(NULL);
}

/* ---- err ---- */

static void err_keeps_the_first_cause(void **state)
{
	struct err err = ERR_INIT;
	assert_int_equal(err_context(&err, "nothing"), -1);
	assert_false(err_is_set(&err));
	errno = ENOSPC;
	assert_int_equal(err_errno(&err, "manifest"), -1);
	assert_int_equal(errno, ENOSPC);
	err_set(&err, "a later one");
	err_context(&err, "image %d", 1);
	assert_string_equal(err.text, "image 1: manifest: No space left on device");
	assert_int_equal(err.status, STATUS_FAILED);
	assert_int_equal(err_set(NULL, "nobody cares"), -1);
}

static void err_cuts_what_is_too_long(void **state)
{
	struct err err = ERR_INIT;
	char text[ERR_TEXT_MAX * 2];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set_status(&err, STATUS_USAGE, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	err_context(&err, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_int_equal(err.status, STATUS_USAGE);
}

/* ---- io ---- */

static void expect_content(const char *name, const char *content)
{
	scoped_buf struct buf buf = BUF_INIT;
	struct err err = ERR_INIT;
	assert_int_equal(io_read_file(folder_fd, name, &buf, 1 << 20, &err), 0);
	assert_int_equal(buf.size, strlen(content));
	assert_memory_equal(buf.data, content, buf.size);
}

static void file_is_replaced_as_a_whole(void **state)
{
	struct err err = ERR_INIT;
	assert_int_equal(io_write_file(folder_fd, "file", "old", 3, 0600, &err), 0);
	assert_int_equal(io_write_file(folder_fd, "file", "newer", 5, 0600, &err), 0);
	expect_content("file", "newer");
	assert_int_equal(faccessat(folder_fd, "file.part", F_OK, 0), -1);
	assert_int_equal(io_write_file(folder_fd, "no/file", "x", 1, 0600, &err), -1);
	assert_string_equal(err.text, "no/file: No such file or directory");
}

static void file_larger_than_expected_is_refused(void **state)
{
	scoped_buf struct buf buf = BUF_INIT;
	struct err err = ERR_INIT;
	assert_int_equal(io_write_file(folder_fd, "large", "12345", 5, 0600, &err), 0);
	assert_int_equal(io_read_file(folder_fd, "large", &buf, 4, &err), -1);
	assert_non_null(strstr(err.text, "large: larger than"));
}

static void short_file_is_no_error_of_the_system(void **state)
{
	char data[8];
	struct err err = ERR_INIT;
	assert_int_equal(io_write_file(folder_fd, "short", "123", 3, 0600, &err), 0);
	scoped_fd int fd = io_open(folder_fd, "short", O_RDONLY, 0, &err);
	assert_int_equal(io_read_full(fd, data, sizeof(data)), -1);
	assert_int_equal(errno, 0);
	assert_int_equal(io_pread_full(fd, data, 2, 1), 0);
	assert_memory_equal(data, "23", 2);
}

static void copy_keeps_holes(void **state)
{
	struct stat from_st, to_st;
	scoped_fd int from = openat(folder_fd, "holes", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	scoped_fd int to = openat(folder_fd, "copy", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(from, 64 << 20), 0);
	assert_int_equal(io_pwrite_full(from, "middle", 6, 32 << 20), 0);
	assert_int_equal(io_copy(from, to, UINT64_MAX), 0);
	assert_int_equal(fstat(from, &from_st) + fstat(to, &to_st), 0);
	assert_int_equal(to_st.st_size, from_st.st_size);
	assert_true(to_st.st_blocks * 512 < 1 << 20);
	char data[6];
	assert_int_equal(io_pread_full(to, data, 6, 32 << 20), 0);
	assert_memory_equal(data, "middle", 6);
}

static void copy_stops_at_its_size(void **state)
{
	struct stat st;
	struct err err = ERR_INIT;
	assert_int_equal(io_write_file(folder_fd, "ten", "0123456789", 10, 0600, &err), 0);
	scoped_fd int from = io_open(folder_fd, "ten", O_RDONLY, 0, &err);
	scoped_fd int to = openat(folder_fd, "four", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(io_copy(from, to, 4), 0);
	assert_int_equal(fstat(to, &st), 0);
	assert_int_equal(st.st_size, 4);
	expect_content("four", "0123");
}

static void tree_is_removed_and_links_are_not_followed(void **state)
{
	struct err err = ERR_INIT;
	char path[128];
	snprintf(path, sizeof(path), "%s/tree/a/b", folder);
	assert_int_equal(io_make_dirs(path, 0700, &err), 0);
	assert_int_equal(io_make_dirs(path, 0700, &err), 0);
	assert_int_equal(io_write_file(folder_fd, "outside", "x", 1, 0600, &err), 0);
	assert_int_equal(symlinkat("../outside", folder_fd, "tree/link"), 0);
	assert_int_equal(symlinkat("/", folder_fd, "tree/a/root"), 0);
	assert_int_equal(io_remove_tree(folder_fd, "tree", &err), 0);
	assert_int_equal(io_remove_tree(folder_fd, "tree", &err), 0);
	assert_int_equal(faccessat(folder_fd, "tree", F_OK, 0), -1);
	expect_content("outside", "x");
}

/* ---- lockdir ---- */

static void make_lived_in(char path[128])
{
	char inner[160];
	snprintf(path, 128, "%s/lived-in", folder);
	snprintf(inner, sizeof(inner), "%s/things/more", path);
	assert_int_equal(io_make_dirs(inner, 0700, NULL), 0);
}

static void lockdir_has_one_owner_and_stays_while_it_lives(void **state)
{
	char path[128];
	make_lived_in(path);
	int lock = lockdir_take(path);
	assert_true(lock >= 0);
	assert_int_equal(lockdir_take(path), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	lockdir_remove_stale(path);
	lockdir_clear(path);
	assert_int_equal(lockdir_take(path), -1);
	close(lock);
	lockdir_remove_stale(path);
	assert_int_equal(lockdir_take(path), -1);
	assert_int_equal(errno, ENOENT);
}

/* Who opened the lock before it was removed holds nothing by it; who came after keeps the folder.
 */
static void lockdir_moves_nobody_out(void **state)
{
	char path[128], inner[160];
	make_lived_in(path);
	snprintf(inner, sizeof(inner), "%s/lock", path);
	int first = lockdir_take(path);
	assert_int_equal(unlink(inner), 0); /* what the first would do */
	int second = lockdir_take(path);
	assert_true(first >= 0 && second >= 0);
	assert_int_equal(rmdir(path), -1);
	close(first);
	assert_int_equal(lockdir_take(path), -1);
	lockdir_remove(path);
	close(second);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_is_a_string_while_it_grows),
		cmocka_unit_test(buf_stays_failed),
		cmocka_unit_test(buf_gives_itself_away),
		cmocka_unit_test(err_keeps_the_first_cause),
		cmocka_unit_test(err_cuts_what_is_too_long),
		cmocka_unit_test(file_is_replaced_as_a_whole),
		cmocka_unit_test(file_larger_than_expected_is_refused),
		cmocka_unit_test(short_file_is_no_error_of_the_system),
		cmocka_unit_test(copy_keeps_holes),
		cmocka_unit_test(copy_stops_at_its_size),
		cmocka_unit_test(tree_is_removed_and_links_are_not_followed),
		cmocka_unit_test(lockdir_has_one_owner_and_stays_while_it_lives),
		cmocka_unit_test(lockdir_moves_nobody_out),
	};
	return cmocka_run_group_tests_name("base", tests, set_up, tear_down);
}
