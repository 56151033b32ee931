#define _GNU_SOURCE
#include "xdetach/image/files.h"

#include "base/io.h"
#include "xdetach/image/files-entry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

/*
 * An image holds plain files only, so a tree is a list, DIR/NAME/tree.json, and the contents of its
 * files, DIR/NAME/N. The list is in the order in which things can be made again: a folder, then
 * what is in it.
 */
#define LIST "tree.json"
#define LIST_MAX (64u << 20)
#define DEPTH_MAX 64

/* ---- keeping ---- */

struct keep {
	int dir; /* DIR/NAME */
	json_t *list;
	json_t *seen; /* "device:inode" of files with several names -> the first */
	uint64_t left;
	const char *without;
	size_t contents;
	int depth;
};

static int keep_folder(struct keep *keep, int fd, const char *path, struct err *err);

static int add(struct keep *keep, json_t *entry, const char *path, struct err *err)
{
	if (!entry || json_array_append_new(keep->list, entry) < 0)
		return err_set(err, "%s: a name that is no text", path);
	return 0;
}

static int add_kind(struct keep *keep, const char *path, const char *kind, const struct stat *st,
	const char *key, const char *value, struct err *err)
{
	json_t *entry = json_pack("{s:s, s:s, s:i, s:s*}", "path", path, "kind", kind, "mode",
		(int)(st->st_mode & 07777), key, value);
	return add(keep, entry, path, err);
}

/* The first name of a file that has several, or NULL when this is it. */
static const char *first_name(struct keep *keep, const char *path, const struct stat *st)
{
	char key[64];
	if (st->st_nlink < 2)
		return NULL;
	snprintf(key, sizeof(key), "%" PRIu64 ":%" PRIu64, (uint64_t)st->st_dev,
		(uint64_t)st->st_ino);
	const char *first = json_string_value(json_object_get(keep->seen, key));
	if (!first)
		json_object_set_new(keep->seen, key, json_string(path));
	return first;
}

static int keep_contents(struct keep *keep, int fd, const char *path, const struct stat *st,
	const char *name, struct err *err)
{
	uint64_t bytes = (uint64_t)st->st_blocks * 512;
	if (bytes > keep->left)
		return err_set(err, "%s: more than there is room for in an image", path);
	keep->left -= bytes;
	scoped_fd int to = io_open(keep->dir, name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
	if (to < 0)
		return -1;
	return io_copy(fd, to, UINT64_MAX) < 0 ? err_errno(err, "%s", path) : 0;
}

static int keep_file(
	struct keep *keep, int fd, const char *path, const struct stat *st, struct err *err)
{
	char name[32];
	const char *first = first_name(keep, path, st);
	if (first)
		return add_kind(keep, path, "same", st, "target", first, err);
	snprintf(name, sizeof(name), "%zu", keep->contents++);
	if (keep_contents(keep, fd, path, st, name, err) < 0)
		return -1;
	return add_kind(keep, path, "file", st, "content", name, err);
}

static int keep_link(struct keep *keep, int at, const char *name, const char *path, struct err *err)
{
	struct stat st = {.st_mode = 0777};
	char target[PATH_MAX];
	ssize_t size = readlinkat(at, name, target, sizeof(target) - 1);
	if (size < 0)
		return err_errno(err, "%s", path);
	target[size] = '\0';
	return add_kind(keep, path, "link", &st, "target", target, err);
}

/* Sockets are CRIU's to make again; a device is nothing that a session can have made. */
static int keep_entry(
	struct keep *keep, int at, const char *name, const char *path, struct err *err)
{
	struct stat st;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(err, "%s", path);
	if (S_ISLNK(st.st_mode))
		return keep_link(keep, at, name, path, err);
	if (S_ISFIFO(st.st_mode))
		return add_kind(keep, path, "fifo", &st, "target", NULL, err);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	scoped_fd int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "%s", path);
	if (S_ISREG(st.st_mode))
		return keep_file(keep, fd, path, &st, err);
	if (add_kind(keep, path, "dir", &st, "target", NULL, err) < 0)
		return -1;
	return keep_folder(keep, fd, path, err);
}

static int keep_entries(struct keep *keep, DIR *dir, const char *parent, struct err *err)
{
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[PATH_MAX];
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		int size = snprintf(
			path, sizeof(path), "%s%s%s", parent, *parent ? "/" : "", entry->d_name);
		if (size < 0 || (size_t)size >= sizeof(path))
			return err_set(err, "%s: the name is too long", entry->d_name);
		if (keep->without && !strcmp(path, keep->without))
			continue;
		if (keep_entry(keep, dirfd(dir), entry->d_name, path, err) < 0)
			return -1;
	}
	return 0;
}

static int keep_folder(struct keep *keep, int fd, const char *path, struct err *err)
{
	if (keep->depth >= DEPTH_MAX)
		return err_set(err, "%s: folders too deep", path);
	scoped_dir DIR *dir = io_entries(fd, path, err);
	if (!dir)
		return -1;
	keep->depth++;
	int result = keep_entries(keep, dir, path, err);
	keep->depth--;
	return result;
}

static int write_list(struct keep *keep, struct err *err)
{
	char *text = json_dumps(keep->list, JSON_INDENT(1));
	int result = text ? io_write_file(keep->dir, LIST, text, strlen(text), 0600, err)
			  : err_set(err, "out of memory");
	free(text);
	return result;
}

/* The folder of the image that a tree is kept in. */
static int open_kept(const char *dir, const char *name, bool make, struct err *err)
{
	scoped_fd int fd = io_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return -1;
	if (make && mkdirat(fd, name, 0700) < 0)
		return err_errno(err, "%s/%s", dir, name);
	return io_open(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
}

int files_keep_tree(const char *tree, const char *dir, const char *name, const char *without,
	uint64_t limit, struct err *err)
{
	scoped_fd int from = io_open(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY, 0, err);
	scoped_fd int to = from < 0 ? -1 : open_kept(dir, name, true, err);
	if (to < 0)
		return -1;
	struct keep keep = {.dir = to,
		.list = json_array(),
		.seen = json_object(),
		.left = limit,
		.without = without};
	int result = keep.list && keep.seen ? keep_folder(&keep, from, "", err)
					    : err_set(err, "out of memory");
	if (result == 0)
		result = write_list(&keep, err);
	json_decref(keep.list);
	json_decref(keep.seen);
	return result < 0 ? err_context(err, "%s", tree) : 0;
}

/* ---- putting back ---- */

struct back {
	int kept; /* DIR/NAME */
	int tree;
};

/* The list is input: a path leads nowhere but into the tree, through no link. */
static int open_beneath(int at, const char *path, uint64_t flags, mode_t mode)
{
	struct open_how how = {.flags = flags | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

/* The folder that `path` lies in, and its last part. */
static int open_parent(int tree, const char *path, const char **last)
{
	const char *slash = strrchr(path, '/');
	*last = slash ? slash + 1 : path;
	if (!**last || !strcmp(*last, ".") || !strcmp(*last, "..")) {
		errno = EINVAL;
		return -1;
	}
	if (!slash)
		return fcntl(tree, F_DUPFD_CLOEXEC, 0);
	scoped_free char *parent = strndup(path, (size_t)(slash - path));
	return parent ? open_beneath(tree, parent, O_PATH | O_DIRECTORY, 0) : -1;
}

static int back_file(
	struct back *back, int parent, const char *name, const json_t *entry, mode_t mode)
{
	scoped_fd int from = openat(back->kept, files_text(entry, "content"),
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0 || strchr(files_text(entry, "content"), '/'))
		return -1;
	scoped_fd int to =
		openat(parent, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0 || io_copy(from, to, UINT64_MAX) < 0)
		return -1;
	return fchmod(to, mode);
}

static int back_same(struct back *back, int parent, const char *name, const char *target)
{
	const char *last;
	scoped_fd int other = open_parent(back->tree, target, &last);
	return other < 0 ? -1 : linkat(other, last, parent, name, 0);
}

static int back_dir(int parent, const char *name)
{
	return mkdirat(parent, name, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

static int back_fifo(int parent, const char *name, mode_t mode)
{
	if (mkfifoat(parent, name, 0600) < 0)
		return -1;
	return fchmodat(parent, name, mode, 0);
}

static int back_entry(struct back *back, const json_t *entry)
{
	const char *name, *kind = files_text(entry, "kind");
	const char *target = files_text(entry, "target");
	mode_t mode = (mode_t)files_number(entry, "mode") & 07777;
	scoped_fd int parent = open_parent(back->tree, files_text(entry, "path"), &name);
	if (parent < 0)
		return -1;
	if (!strcmp(kind, "dir"))
		return back_dir(parent, name);
	if (!strcmp(kind, "file"))
		return back_file(back, parent, name, entry, mode);
	if (!strcmp(kind, "same"))
		return back_same(back, parent, name, target);
	if (!strcmp(kind, "link"))
		return symlinkat(target, parent, name);
	if (!strcmp(kind, "fifo"))
		return back_fifo(parent, name, mode);
	return 0;
}

static int back_entries(struct back *back, const json_t *list, struct err *err)
{
	size_t i;
	json_t *entry;
	json_array_foreach (list, i, entry)
		if (back_entry(back, entry) < 0)
			return err_errno(err, "%s", files_text(entry, "path"));
	return 0;
}

/* At the end, since a folder may be closed to writing. */
static int back_folder_modes(struct back *back, const json_t *list, struct err *err)
{
	for (size_t i = json_array_size(list); i > 0; i--) {
		const json_t *entry = json_array_get(list, i - 1);
		if (strcmp(files_text(entry, "kind"), "dir"))
			continue;
		scoped_fd int fd = open_beneath(
			back->tree, files_text(entry, "path"), O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 || fchmod(fd, (mode_t)files_number(entry, "mode") & 07777) < 0)
			return err_errno(err, "%s", files_text(entry, "path"));
	}
	return 0;
}

static json_t *read_list(int kept, struct err *err)
{
	json_error_t where;
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_file(kept, LIST, &text, LIST_MAX, err) < 0)
		return NULL;
	json_t *list = json_loadb(text.data, text.size, 0, &where);
	if (json_is_array(list))
		return list;
	json_decref(list);
	err_set(err, LIST " is no list: %s", where.text);
	return NULL;
}

int files_put_back_tree(const char *dir, const char *name, const char *tree, struct err *err)
{
	scoped_fd int to = io_open(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY, 0, err);
	scoped_fd int from = to < 0 ? -1 : open_kept(dir, name, false, err);
	if (from < 0)
		return -1;
	struct back back = {.kept = from, .tree = to};
	json_t *list = read_list(from, err);
	int result = list ? back_entries(&back, list, err) : -1;
	if (result == 0)
		result = back_folder_modes(&back, list, err);
	json_decref(list);
	return result < 0 ? err_context(err, "%s", tree) : 0;
}
