#define _GNU_SOURCE
#include "xdetach/image/part.h"

#include "base/io.h"
#include "xdetach/image/manifest.h"
#include "xdetach/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define SUFFIX ".part-"
#define ZFS_SUPER_MAGIC 0x2fc12fc1

enum { SUFFIX_RANDOM = 6, ATTEMPTS = 5, MARKER_MAX = 4096 };

/* ---- making one ---- */

/* False when another writer took the new folder for a stale one meanwhile. */
static bool lock(const char *part, int *fd)
{
	struct stat here, there;
	*fd = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0 && fstat(*fd, &here) == 0 &&
		stat(part, &there) == 0 && here.st_ino == there.st_ino)
		return true;
	if (*fd >= 0)
		close(steal_fd(fd));
	return false;
}

static json_t *describe_writer(void)
{
	char host[256] = "?";
	gethostname(host, sizeof(host) - 1);
	return json_pack("{s:s, s:o}", "host", host, "place", place_describe());
}

static int mark(int part, struct err *err)
{
	scoped_fd int fd = io_open(part, IMAGE_MARKER, O_WRONLY | O_CREAT, 0600, err);
	if (fd < 0)
		return -1;
	json_t *writer = describe_writer();
	int result = writer ? json_dumpfd(writer, fd, JSON_INDENT(1)) : -1;
	json_decref(writer);
	return result < 0 ? err_errno(err, IMAGE_MARKER) : 0;
}

static int lock_and_mark(const char *part, int *fd, struct err *err)
{
	if (!lock(part, fd))
		return 0;
	if (mark(*fd, err) == 0)
		return 1;
	close(steal_fd(fd));
	return err_context(err, "%s", part);
}

/* It is the folder that refuses a new one. */
static int fail_in_folder(const char *target, char **part, struct err *err)
{
	int length = (int)(strrchr(target, '/') - target);
	free(steal_ptr(part));
	return err_errno(err, "%.*s", length ? length : 1, target);
}

int image_part_make(const char *target, char **part, struct err *err)
{
	for (int i = 0, fd = -1; i < ATTEMPTS; i++) {
		free(*part);
		if (asprintf(part, "%s" SUFFIX "XXXXXX", target) < 0) {
			*part = NULL;
			return err_set(err, "out of memory");
		}
		if (!mkdtemp(*part))
			return fail_in_folder(target, part, err);
		int made = lock_and_mark(*part, &fd, err);
		if (made)
			return made > 0 ? fd : -1;
	}
	return err_set(err, "%s: cannot lock a new folder beside it", target);
}

/* ---- what a crash left behind ---- */

static bool is_part_name(const char *name)
{
	const char *at = strstr(name, SUFFIX);
	for (const char *next = at; next; next = strstr(next + 1, SUFFIX))
		at = next;
	return at && at != name && strlen(at) == strlen(SUFFIX) + SUFFIX_RANDOM;
}

/* A file system that one host alone has mounted, as far as is known of its kind. */
static bool is_hosts_own(int fd)
{
	static const unsigned long kinds[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
		F2FS_SUPER_MAGIC, ZFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, RAMFS_MAGIC};
	struct statfs st;
	if (fstatfs(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < array_len(kinds); i++)
		if ((unsigned long)st.f_type == kinds[i])
			return true;
	return false;
}

static bool was_begun_here(int part)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_file(part, IMAGE_MARKER, &text, MARKER_MAX, NULL) < 0)
		return false;
	json_t *writer = json_loadb(text.data ? text.data : "", text.size, 0, NULL);
	bool here = place_is_this_boot(json_object_get(writer, "place"));
	json_decref(writer);
	return here;
}

typedef bool provable_fn(int part);

static bool lock_is_proof(int part)
{
	return is_hosts_own(part) || was_begun_here(part);
}

static bool lease_is_proof(int part)
{
	return true;
}

/* An empty one is one whose writer died before it marked it. */
static bool is_stale(int at, const char *name, provable_fn *provable)
{
	scoped_fd int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || !provable(fd))
		return false;
	if (faccessat(fd, IMAGE_MARKER, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	unlinkat(at, name, AT_REMOVEDIR);
	return false;
}

static int sweep(const char *folder, provable_fn *provable, struct err *err)
{
	scoped_dir DIR *dir = opendir(folder);
	if (!dir)
		return err_errno(err, "%s", folder);
	for (struct dirent *entry; (entry = readdir(dir));)
		if (is_part_name(entry->d_name) && is_stale(dirfd(dir), entry->d_name, provable))
			io_remove_tree(dirfd(dir), entry->d_name, NULL);
	return 0;
}

int image_part_sweep(const char *folder, struct err *err)
{
	return sweep(folder, lock_is_proof, err);
}

int image_part_sweep_job(const char *folder, struct err *err)
{
	return sweep(folder, lease_is_proof, err);
}
