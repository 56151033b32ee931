#define _GNU_SOURCE
#include "xdetach/image/files.h"

#include "base/io.h"
#include "xdetach/image/elf-build-id.h"
#include "xdetach/image/files-entry.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define DELETED " (deleted)"
#define MAPS_MAX (64u << 20)

struct scan {
	json_t *seen; /* object: path (and DELETED) -> entry, borrowed by `files` */
	json_t *files;
	const char *private_dir;
};

/* How a process holds a file. */
struct use {
	bool write;
	bool mapped;
	bool exe;
};

/* ---- which files count ---- */

/* The kernel's own: nobody can put those back, and nobody needs to. */
static bool is_kernel_fs(int fd)
{
	struct statfs st;
	if (fstatfs(fd, &st) < 0)
		return true;
	switch ((unsigned long)st.f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
	case NSFS_MAGIC:
		return true;
	default:
		return false;
	}
}

static bool is_below(const char *path, const char *dir)
{
	size_t size = dir ? strlen(dir) : 0;
	while (size && dir[size - 1] == '/')
		size--;
	return size && !strncmp(path, dir, size) && (path[size] == '/' || !path[size]);
}

/* What has no name in a file system, though it looks like one: memfd, SysV and anonymous shared
 * memory, asynchronous I/O. */
static bool is_nameless(const char *path)
{
	static const char *const prefixes[] = {"/memfd:", "/SYSV", "/dev/zero", "/[aio]"};
	for (size_t i = 0; i < array_len(prefixes); i++)
		if (!strncmp(path, prefixes[i], strlen(prefixes[i])))
			return true;
	return path[0] != '/';
}

static bool cut_deleted(char *path)
{
	size_t size = strlen(path), mark = strlen(DELETED);
	if (size <= mark || strcmp(path + size - mark, DELETED))
		return false;
	path[size - mark] = '\0';
	return true;
}

/* ---- entries ---- */

static json_t *describe(const char *path, const struct stat *st, bool deleted)
{
	return json_pack("{s:s, s:I, s:I, s:i, s:i, s:i, s:b, s:b, s:b, s:b}", "path", path, "size",
		(json_int_t)st->st_size, "mtime_ns", (json_int_t)files_mtime(st), "mode",
		(int)(st->st_mode & 07777), "uid", (int)st->st_uid, "gid", (int)st->st_gid, "write",
		0, "mapped", 0, "exe", 0, "deleted", (int)deleted);
}

static json_t *find_entry(
	struct scan *scan, const char *path, const struct stat *st, bool deleted, struct err *err)
{
	char key[PATH_MAX + sizeof(DELETED)];
	snprintf(key, sizeof(key), "%s%s", path, deleted ? DELETED : "");
	json_t *entry = json_object_get(scan->seen, key);
	if (entry)
		return entry;
	entry = describe(path, st, deleted);
	if (!entry) {
		err_set(err, "%s: a name that is no text", path);
		return NULL;
	}
	if (json_object_set(scan->seen, key, entry) < 0 ||
		json_array_append_new(scan->files, entry) < 0) {
		err_set(err, "out of memory");
		return NULL;
	}
	return entry;
}

static int note_use(struct scan *scan, const char *path, const struct stat *st, bool deleted,
	struct use use, struct err *err)
{
	json_t *entry = find_entry(scan, path, st, deleted, err);
	if (!entry)
		return -1;
	if (use.write)
		json_object_set_new(entry, "write", json_true());
	if (use.mapped)
		json_object_set_new(entry, "mapped", json_true());
	if (use.exe)
		json_object_set_new(entry, "exe", json_true());
	return 0;
}

/* `at` reaches the file itself; `path` is the name the kernel gives for it and is cut here. */
static int note_file(struct scan *scan, const char *at, char *path, struct use use, struct err *err)
{
	struct stat st;
	bool deleted = cut_deleted(path);
	if (is_nameless(path) || is_below(path, scan->private_dir))
		return 0;
	scoped_fd int fd = open(at, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || is_kernel_fs(fd))
		return 0;
	return note_use(scan, path, &st, deleted && st.st_nlink == 0, use, err);
}

/* ---- one process ---- */

static int note_link(struct scan *scan, const char *link, struct use use, struct err *err)
{
	char path[PATH_MAX];
	ssize_t size = readlink(link, path, sizeof(path) - 1);
	if (size < 0)
		return 0;
	path[size] = '\0';
	return note_file(scan, link, path, use, err);
}

static bool is_open_for_writing(pid_t pid, const char *fd)
{
	char path[64];
	scoped_buf struct buf text = BUF_INIT;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.20s", pid, fd);
	if (io_read_file(AT_FDCWD, path, &text, 65536, NULL) < 0 || !text.size)
		return false;
	const char *flags = strstr(text.data, "flags:");
	unsigned long value = flags ? strtoul(flags + strlen("flags:"), NULL, 8) : 0;
	return (value & O_ACCMODE) != O_RDONLY && !(value & O_PATH);
}

static int scan_descriptors(struct scan *scan, pid_t pid, struct err *err)
{
	char path[320];
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	scoped_dir DIR *dir = opendir(path);
	if (!dir)
		return err_errno(err, "%s", path);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		struct use use = {.write = is_open_for_writing(pid, entry->d_name)};
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, entry->d_name);
		if (note_link(scan, path, use, err) < 0)
			return -1;
	}
	return 0;
}

/* A line of maps: "begin-end perms offset dev inode   path", newlines in the path as \012. */
struct mapping {
	char perms[5];
	unsigned major, minor;
	uint64_t inode;
	char *path;
};

static void unescape(char *path)
{
	char *to = path;
	for (const char *from = path; *from; to++) {
		if (!strncmp(from, "\\012", 4)) {
			*to = '\n';
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static bool parse_mapping(char *line, struct mapping *mapping)
{
	int at = 0;
	if (sscanf(line, "%*x-%*x %4s %*x %x:%x %" SCNu64 " %n", mapping->perms, &mapping->major,
		    &mapping->minor, &mapping->inode, &at) < 4 ||
		!at || line[at] != '/')
		return false;
	mapping->path = line + at;
	unescape(mapping->path);
	return mapping->inode != 0;
}

/* A mapped file can be reached by its name only, and the name may have another file by now: then
 * what is mapped counts as deleted, which CRIU takes into its own image. */
static int note_mapping(struct scan *scan, struct mapping *mapping, struct err *err)
{
	struct stat st;
	struct use use = {
		.mapped = true, .write = mapping->perms[1] == 'w' && mapping->perms[3] == 's'};
	if (is_nameless(mapping->path) || is_below(mapping->path, scan->private_dir))
		return 0;
	if (cut_deleted(mapping->path))
		return 0;
	if (stat(mapping->path, &st) < 0 || st.st_ino != mapping->inode)
		return 0;
	return note_file(scan, mapping->path, mapping->path, use, err);
}

static int scan_mappings(struct scan *scan, pid_t pid, struct err *err)
{
	char path[64], before[PATH_MAX] = "";
	scoped_buf struct buf text = BUF_INIT;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if (io_read_file(AT_FDCWD, path, &text, MAPS_MAX, err) < 0)
		return -1;
	char *rest = NULL;
	for (char *line = text.data ? strtok_r(text.data, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest)) {
		struct mapping mapping;
		if (!parse_mapping(line, &mapping))
			continue;
		/* A library is mapped in several pieces; only one that can be written differs. */
		if (!strcmp(before, mapping.path) && mapping.perms[3] != 's')
			continue;
		snprintf(before, sizeof(before), "%s", mapping.path);
		if (note_mapping(scan, &mapping, err) < 0)
			return -1;
	}
	return 0;
}

static int scan_process(struct scan *scan, pid_t pid, struct err *err)
{
	char path[64];
	struct use exe = {.mapped = true, .exe = true};
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (note_link(scan, path, exe, err) < 0 || scan_descriptors(scan, pid, err) < 0)
		return -1;
	return scan_mappings(scan, pid, err);
}

static void add_build_ids(json_t *files)
{
	size_t i;
	json_t *entry;
	json_array_foreach (files, i, entry) {
		struct stat st;
		char id[BUILD_ID_SIZE];
		if (!files_flag(entry, "mapped") || files_flag(entry, "deleted"))
			continue;
		scoped_fd int fd = files_open(entry, &st);
		if (fd >= 0 && elf_build_id(fd, id) >= 0)
			json_object_set_new(entry, "build_id", json_string(id));
	}
}

json_t *files_scan(const pid_t *pids, size_t count, const char *private_dir, struct err *err)
{
	struct scan scan = {json_object(), json_array(), private_dir};
	int result = scan.seen && scan.files ? 0 : err_set(err, "out of memory");
	for (size_t i = 0; i < count && result == 0; i++)
		result = scan_process(&scan, pids[i], err);
	json_decref(scan.seen);
	if (result < 0) {
		json_decref(scan.files);
		return NULL;
	}
	add_build_ids(scan.files);
	return scan.files;
}
