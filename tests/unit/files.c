/* files: what processes hold is found, kept, judged and put back; criu's files.img is edited. */
#define _GNU_SOURCE
#include "xdetach/image/files.h"

#include "base/io.h"
#include "xdetach/engine/proto.h"
#include "xdetach/image/elf-build-id.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static char folder[64];

static int set_up(void **state)
{
	strcpy(folder, "/tmp/glckpt-files-XXXXXX");
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

static void put(const char *name, const char *text)
{
	struct err err = ERR_INIT;
	scoped_fd int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	assert_int_not_equal(fd, -1);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
	assert_false(err_is_set(&err));
}

static void expect(const char *name, const char *text)
{
	scoped_buf struct buf buf = BUF_INIT;
	assert_int_equal(io_read_file(AT_FDCWD, in_folder(name), &buf, 1 << 20, NULL), 0);
	assert_int_equal(buf.size, strlen(text));
	assert_memory_equal(buf.size ? buf.data : "", text, buf.size);
}

/* ---- a process with files ---- */

struct holder {
	pid_t pid;
	int talk;
};

/* Runs `hold` in a child, which then sits still until it is let go. */
static struct holder hold(void (*prepare)(void))
{
	int pair[2];
	char byte;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		prepare();
		if (write(pair[1], "r", 1) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	return (struct holder){pid, pair[0]};
}

static void let_go(struct holder *holder)
{
	kill(holder->pid, SIGKILL);
	waitpid(holder->pid, NULL, 0);
	close(holder->talk);
}

static json_t *scan(const struct holder *holder, const char *private_dir)
{
	struct err err = ERR_INIT;
	json_t *files = files_scan(&holder->pid, 1, private_dir, &err);
	assert_string_equal(err.text, "");
	assert_non_null(files);
	return files;
}

static json_t *entry_of(const json_t *files, const char *name)
{
	size_t i;
	json_t *entry, *found = NULL;
	json_array_foreach (files, i, entry) {
		const char *path = json_string_value(json_object_get(entry, "path"));
		if (strcmp(path, in_folder(name)) != 0)
			continue;
		assert_null(found);
		found = entry;
	}
	return found;
}

static bool flag(const json_t *entry, const char *key)
{
	return json_is_true(json_object_get(entry, key));
}

static void open_all(void)
{
	open(in_folder("input"), O_RDONLY);
	open(in_folder("log"), O_WRONLY | O_APPEND);
	open(in_folder("log"), O_RDONLY);
	open(in_folder("gone"), O_RDWR);
	open("/dev/null", O_WRONLY);
	open("/proc/self/status", O_RDONLY);
	open(in_folder("private/shared"), O_RDWR);
	int fd = open(in_folder("mapped"), O_RDWR);
	mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	memfd_create("nameless", 0);
	unlink(in_folder("gone"));
}

static void scan_finds_what_is_held(void **state)
{
	put("input", "data");
	put("log", "one\n");
	put("gone", "ghost");
	put("mapped", "map");
	assert_int_equal(mkdir(in_folder("private"), 0700), 0);
	put("private/shared", "x");
	struct holder holder = hold(open_all);
	json_t *files = scan(&holder, in_folder("private"));
	assert_false(flag(entry_of(files, "input"), "write"));
	assert_true(flag(entry_of(files, "log"), "write"));
	assert_true(flag(entry_of(files, "mapped"), "write"));
	assert_true(flag(entry_of(files, "mapped"), "mapped"));
	assert_true(flag(entry_of(files, "gone"), "deleted"));
	assert_null(entry_of(files, "private/shared"));
	size_t i, programs = 0;
	json_t *entry;
	json_array_foreach (files, i, entry) {
		const char *path = json_string_value(json_object_get(entry, "path"));
		assert_int_equal(path[0], '/');
		assert_null(strstr(path, "/proc/"));
		assert_string_not_equal(path, "/dev/null");
		assert_null(strstr(path, "nameless"));
		programs += flag(entry, "exe");
		if (flag(entry, "exe"))
			assert_non_null(json_object_get(entry, "build_id"));
	}
	assert_int_equal(programs, 1);
	json_decref(files);
	let_go(&holder);
}

/* ---- keeping and putting back ---- */

static void open_log(void)
{
	open(in_folder("log"), O_WRONLY | O_APPEND);
}

static json_t *keep_log(void)
{
	struct err err = ERR_INIT;
	put("log", "one\ntwo\n");
	assert_int_equal(mkdir(in_folder("image"), 0700), 0);
	struct holder holder = hold(open_log);
	json_t *files = scan(&holder, NULL);
	assert_int_equal(files_keep(files, in_folder("image"), &err), 0);
	let_go(&holder);
	/* What the test itself has loaded is no business of these tests. */
	json_t *log = json_incref(entry_of(files, "log"));
	json_decref(files);
	files = json_array();
	json_array_append_new(files, log);
	return files;
}

static int check(const json_t *files, enum files_policy policy, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return files_check(files, in_folder("image"), policy, err);
}

static void back(const json_t *files)
{
	struct err err = ERR_INIT;
	assert_int_equal(files_put_back(files, in_folder("image"), FILES_REWIND, &err), 0);
	assert_string_equal(err.text, "");
}

static void written_file_is_rewound(void **state)
{
	struct err err;
	struct stat before, after;
	json_t *files = keep_log();
	assert_int_equal(stat(in_folder("log"), &before), 0);
	static const char *const later[] = {
		"one\ntwo\nthree\n", "one\n", "", "ONE\ntwo\n", "one\ntwo\n"};
	for (size_t i = 0; i < array_len(later); i++) {
		put("log", later[i]);
		assert_int_equal(check(files, FILES_REWIND, &err), 0);
		back(files);
		expect("log", "one\ntwo\n");
	}
	assert_int_equal(stat(in_folder("log"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	json_decref(files);
}

static void missing_file_is_made_again(void **state)
{
	struct stat st;
	struct err err;
	json_t *files = keep_log();
	assert_int_equal(unlink(in_folder("log")), 0);
	assert_int_equal(check(files, FILES_KEEP, &err), -1);
	assert_non_null(strstr(err.text, "is gone"));
	assert_int_equal(check(files, FILES_REWIND, &err), 0);
	back(files);
	expect("log", "one\ntwo\n");
	assert_int_equal(stat(in_folder("log"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	json_decref(files);
}

static void missing_folder_is_made_again(void **state)
{
	json_t *files = keep_log();
	json_t *entry = json_array_get(files, 0);
	json_object_set_new(entry, "path", json_string(in_folder("a/b/log")));
	back(files);
	expect("a/b/log", "one\ntwo\n");
	json_decref(files);
}

static void policies_judge(void **state)
{
	struct err err;
	enum files_policy policy;
	json_t *files = keep_log();
	assert_int_equal(check(files, FILES_REFUSE, &err), 0);
	put("log", "one\nTWO\n");
	assert_int_equal(check(files, FILES_REFUSE, &err), -1);
	assert_non_null(strstr(err.text, "has changed since the checkpoint"));
	assert_int_equal(check(files, FILES_KEEP, &err), 0);
	assert_int_equal(files_put_back(files, in_folder("image"), FILES_KEEP, &err), 0);
	expect("log", "one\nTWO\n");
	assert_int_equal(files_policy_parse("rewind", &policy), 0);
	assert_int_equal(policy, FILES_REWIND);
	assert_int_equal(files_policy_parse("refuse", &policy), 0);
	assert_int_equal(policy, FILES_REFUSE);
	assert_int_equal(files_policy_parse("Keep", &policy), -1);
	json_decref(files);
}

static void holes_stay_holes(void **state)
{
	struct stat st;
	struct err err = ERR_INIT;
	json_t *files = keep_log();
	scoped_fd int kept = open(in_folder("image/files/0"), O_WRONLY | O_TRUNC | O_CREAT, 0600);
	json_object_set_new(json_array_get(files, 0), "kept", json_string("files/0"));
	assert_int_equal(io_pwrite_full(kept, "end", 3, 64 << 20), 0);
	assert_int_equal(files_put_back(files, in_folder("image"), FILES_REWIND, &err), 0);
	assert_int_equal(stat(in_folder("log"), &st), 0);
	assert_int_equal(st.st_size, (64 << 20) + 3);
	assert_true(st.st_blocks * 512 < 4 << 20);
	json_decref(files);
}

static void image_leads_nowhere_else(void **state)
{
	struct err err = ERR_INIT;
	static const char *const evil[] = {"/etc/passwd", "../log", "files/../../log", ""};
	json_t *files = keep_log();
	for (size_t i = 0; i < array_len(evil); i++) {
		json_object_set_new(json_array_get(files, 0), "kept", json_string(evil[i]));
		assert_int_equal(files_put_back(files, in_folder("image"), FILES_REWIND, &err), -1);
	}
	json_decref(files);
}

/* ---- files that are only read ---- */

static json_t *one_entry(const char *name)
{
	struct stat st;
	assert_int_equal(stat(in_folder(name), &st), 0);
	json_t *entry = json_pack("{s:s, s:I, s:I}", "path", in_folder(name), "size",
		(json_int_t)st.st_size, "mtime_ns",
		(json_int_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
	json_t *files = json_array();
	json_array_append_new(files, entry);
	return files;
}

static void age(const char *name)
{
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	assert_int_equal(utimensat(AT_FDCWD, in_folder(name), times, 0), 0);
}

static void input_must_be_the_same(void **state)
{
	struct err err = ERR_INIT;
	put("input", "data");
	json_t *files = one_entry("input");
	assert_int_equal(files_hash(files, &err), 0);
	age("input");
	assert_int_equal(check(files, FILES_REWIND, &err), 0);
	put("input", "DATA");
	age("input");
	assert_int_equal(check(files, FILES_REWIND, &err), -1);
	assert_non_null(strstr(err.text, "its content differs"));
	put("input", "data and more");
	assert_int_equal(check(files, FILES_REWIND, &err), -1);
	assert_non_null(strstr(err.text, "its size differs"));
	unlink(in_folder("input"));
	assert_int_equal(check(files, FILES_REWIND, &err), -1);
	assert_non_null(strstr(err.text, "is missing here"));
	json_decref(files);
}

static void program_must_have_its_build_id(void **state)
{
	char id[BUILD_ID_SIZE];
	struct err err = ERR_INIT;
	scoped_fd int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	scoped_fd int copy = open(in_folder("program"), O_RDWR | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(io_copy(self, copy, UINT64_MAX), 0);
	assert_int_equal(elf_build_id(copy, id), 1);
	json_t *files = one_entry("program");
	json_object_set_new(json_array_get(files, 0), "build_id", json_string(id));
	assert_int_equal(check(files, FILES_REWIND, &err), 0);
	id[0] = id[0] == '0' ? '1' : '0';
	json_object_set_new(json_array_get(files, 0), "build_id", json_string(id));
	assert_int_equal(check(files, FILES_REWIND, &err), -1);
	assert_non_null(strstr(err.text, "build-ID differs"));
	json_decref(files);
}

static void build_id_of_nonsense(void **state)
{
	char id[BUILD_ID_SIZE];
	struct stat st;
	scoped_fd int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	scoped_fd int copy = open(in_folder("cut"), O_RDWR | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(fstat(self, &st), 0);
	assert_int_equal(io_copy(self, copy, UINT64_MAX), 0);
	for (off_t size = 4096; size >= 0; size -= 7) {
		assert_int_equal(ftruncate(copy, size), 0);
		elf_build_id(copy, id);
	}
	assert_int_equal(elf_build_id(copy, id), -1);
}

/* ---- a tree ---- */

static void tree_comes_back(void **state)
{
	char link[64];
	struct stat st, other;
	struct err err = ERR_INIT;
	assert_int_equal(mkdir(in_folder("image"), 0700), 0);
	assert_int_equal(mkdir(in_folder("tree"), 0755), 0);
	assert_int_equal(mkdir(in_folder("tree/dir"), 0755), 0);
	assert_int_equal(mkdir(in_folder("back"), 0755), 0);
	put("tree/dir/file", "content");
	assert_int_equal(chmod(in_folder("tree/dir/file"), 0604), 0);
	assert_int_equal(
		linkat(AT_FDCWD, in_folder("tree/dir/file"), AT_FDCWD, in_folder("tree/twin"), 0),
		0);
	assert_int_equal(symlink("../outside", in_folder("tree/link")), 0);
	assert_int_equal(mkfifo(in_folder("tree/fifo"), 0600), 0);
	put("tree/sparse", "");
	assert_int_equal(truncate(in_folder("tree/sparse"), 64 << 20), 0);
	assert_int_equal(chmod(in_folder("tree/dir"), 0500), 0);
	assert_int_equal(files_keep_tree(in_folder("tree"), in_folder("image"), "shm", "left-out",
				 1 << 20, &err),
		0);
	assert_int_equal(
		files_put_back_tree(in_folder("image"), "shm", in_folder("back"), &err), 0);
	assert_string_equal(err.text, "");
	expect("back/dir/file", "content");
	assert_int_equal(stat(in_folder("back/dir"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0500);
	assert_int_equal(stat(in_folder("back/dir/file"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(stat(in_folder("back/twin"), &other), 0);
	assert_int_equal(st.st_ino, other.st_ino);
	assert_int_equal(readlink(in_folder("back/link"), link, sizeof(link)), 10);
	assert_int_equal(lstat(in_folder("back/fifo"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(stat(in_folder("back/sparse"), &st), 0);
	assert_int_equal(st.st_size, 64 << 20);
	assert_true(st.st_blocks * 512 < 1 << 20);
	chmod(in_folder("tree/dir"), 0700);
	chmod(in_folder("back/dir"), 0700);
}

static void tree_too_large_is_refused(void **state)
{
	struct err err = ERR_INIT;
	assert_int_equal(mkdir(in_folder("image"), 0700), 0);
	assert_int_equal(mkdir(in_folder("tree"), 0755), 0);
	put("tree/file", "some bytes");
	assert_int_equal(
		files_keep_tree(in_folder("tree"), in_folder("image"), "shm", NULL, 100, &err), -1);
	assert_non_null(strstr(err.text, "more than there is room for"));
}

static void put_list(const char *text)
{
	put("image/shm/tree.json", text);
}

static void tree_leads_nowhere_else(void **state)
{
	static const char *const evil[] = {
		"[{\"path\":\"../out\",\"kind\":\"file\",\"content\":\"0\"}]",
		"[{\"path\":\"/tmp/glckpt-out\",\"kind\":\"dir\"}]",
		"[{\"path\":\"..\",\"kind\":\"dir\"}]",
		("[{\"path\":\"l\",\"kind\":\"link\",\"target\":\"..\"},"
		 "{\"path\":\"l/out\",\"kind\":\"dir\"}]"),
		"[{\"path\":\"file\",\"kind\":\"file\",\"content\":\"../../secret\"}]",
		"[{\"path\":\"file\",\"kind\":\"same\",\"target\":\"../secret\"}]",
		"[{\"kind\":\"file\"}]",
		"{}",
		"[",
	};
	put("secret", "secret");
	assert_int_equal(mkdir(in_folder("image"), 0700), 0);
	assert_int_equal(mkdir(in_folder("image/shm"), 0700), 0);
	for (size_t i = 0; i < array_len(evil); i++) {
		struct err err = ERR_INIT;
		assert_int_equal(io_remove_tree(AT_FDCWD, in_folder("back"), NULL), 0);
		assert_int_equal(mkdir(in_folder("back"), 0700), 0);
		put_list(evil[i]);
		assert_int_equal(
			files_put_back_tree(in_folder("image"), "shm", in_folder("back"), &err),
			-1);
		assert_true(err_is_set(&err));
		assert_int_equal(access(in_folder("out"), F_OK), -1);
	}
}

/* ---- criu's files.img ---- */

enum { SIZE = 8, BUILD_ID = 11 };

static void add_file(struct buf *out, const char *name, bool with_size)
{
	scoped_buf struct buf reg = BUF_INIT;
	scoped_buf struct buf entry = BUF_INIT;
	proto_put_bytes(&reg, 6, name, strlen(name));
	if (with_size) {
		proto_put_varint(&reg, SIZE << 3);
		proto_put_varint(&reg, 12345678);
		proto_put_bytes(&reg, BUILD_ID, "abcd", 4);
	}
	proto_put_varint(&reg, 9 << 3);
	proto_put_varint(&reg, 1);
	proto_put_varint(&entry, 1 << 3);
	proto_put_varint(&entry, 1);
	proto_put_bytes(&entry, 3, reg.data, reg.size);
	uint32_t size = (uint32_t)entry.size;
	buf_append(out, &size, sizeof(size));
	buf_append(out, entry.data, entry.size);
}

static void begin_files_img(struct buf *out)
{
	static const uint32_t magic[] = {0x54564319, 0x56303138};
	buf_append(out, magic, sizeof(magic));
}

static void criu_forgets_a_size(void **state)
{
	struct err err = ERR_INIT;
	scoped_buf struct buf image = BUF_INIT;
	scoped_buf struct buf wanted = BUF_INIT;
	begin_files_img(&image);
	add_file(&image, "tmp/log", true);
	add_file(&image, "tmp/other", true);
	begin_files_img(&wanted);
	add_file(&wanted, "tmp/log", false);
	add_file(&wanted, "tmp/other", true);
	json_t *paths = json_pack("[s]", "/tmp/log");
	assert_int_equal(files_edit_criu(&image, paths, &err), 0);
	assert_int_equal(image.size, wanted.size);
	assert_memory_equal(image.data, wanted.data, wanted.size);
	json_decref(paths);
}

static void cut_files_img_is_refused(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	begin_files_img(&image);
	add_file(&image, "tmp/log", true);
	json_t *paths = json_pack("[s]", "/tmp/log");
	for (size_t size = 0; size < image.size; size++) {
		struct err err = ERR_INIT;
		scoped_buf struct buf cut = BUF_INIT;
		buf_append(&cut, image.data, size);
		if (size != 8)
			assert_int_equal(files_edit_criu(&cut, paths, &err), -1);
		else
			assert_int_equal(files_edit_criu(&cut, paths, &err), 0);
	}
	json_decref(paths);
}

static void nonsense_in_files_img_does_no_harm(void **state)
{
	scoped_buf struct buf image = BUF_INIT;
	begin_files_img(&image);
	add_file(&image, "tmp/log", true);
	json_t *paths = json_pack("[s, i]", "/tmp/log", 7);
	for (size_t at = 0; at < image.size * 8; at++) {
		struct err err = ERR_INIT;
		scoped_buf struct buf flipped = BUF_INIT;
		buf_append(&flipped, image.data, image.size);
		flipped.data[at / 8] ^= (char)(1 << at % 8);
		files_edit_criu(&flipped, paths, &err);
	}
	json_decref(paths);
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_folder(scan_finds_what_is_held),
		in_a_folder(written_file_is_rewound),
		in_a_folder(missing_file_is_made_again),
		in_a_folder(missing_folder_is_made_again),
		in_a_folder(policies_judge),
		in_a_folder(holes_stay_holes),
		in_a_folder(image_leads_nowhere_else),
		in_a_folder(input_must_be_the_same),
		in_a_folder(program_must_have_its_build_id),
		in_a_folder(build_id_of_nonsense),
		in_a_folder(tree_comes_back),
		in_a_folder(tree_too_large_is_refused),
		in_a_folder(tree_leads_nowhere_else),
		cmocka_unit_test(criu_forgets_a_size),
		cmocka_unit_test(cut_files_img_is_refused),
		cmocka_unit_test(nonsense_in_files_img_does_no_harm),
	};
	return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
