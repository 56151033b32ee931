/*
 * mapfiles.c: what criu needs of /proc/PID/map_files, for a criu without privilege.
 *
 * Following a link in map_files takes CAP_CHECKPOINT_RESTORE in the machine's first user namespace,
 * and a session's criu has its capabilities in the session's only. criu has ways round for most
 * mappings, but not for these; this library, preloaded into criu, answers them:
 *
 *  - SysV shared memory, of which criu stats and opens its own mapping: the device comes from
 *    /proc/self/maps, and the data are said to have no holes;
 *  - mappings of deleted files and memfds, which criu then tries to open by a name that is gone:
 *    some process of the session may have the same file open, and that descriptor is opened again.
 *    Without this a memfd that is both mapped and open comes back as two things, and nothing says
 *    so;
 *  - the limits of the IPC namespace at restore: they belong to root, who is nobody in the
 *    session's user namespace, so nobody can have changed them.
 *
 * Every call is tried as it is first; only a refusal is answered here, so that with privilege this
 * library does nothing. criu may come with a newer C library than ours: nothing here is newer than
 * glibc 2.33, and the calls go to the kernel directly. criu asks from one thread.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define exported __attribute__((visibility("default")))

exported int openat64(int dirfd, const char *path, int flags, ...);
exported int openat(int dirfd, const char *path, int flags, ...) __attribute__((alias("openat64")));
exported int stat(const char *path, struct stat *st);
exported int stat64(const char *path, struct stat64 *st);

/* On the 64-bit systems that we run on, the two are one structure. */
_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "stat and stat64 differ");

/* A line of /proc/PID/maps. */
struct mapping {
	unsigned long start;
	unsigned long end;
	dev_t device;
	ino_t inode;
	char *name; /* heap */
};

static int plain_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

/* Splits a line; the name is left in the line. */
static bool parse_mapping(char *line, struct mapping *mapping)
{
	unsigned int major_number, minor_number;
	int name = 0;
	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%lx-%lx %*s %*x %x:%x %lu %n", &mapping->start, &mapping->end,
		    &major_number, &minor_number, &mapping->inode, &name) < 5)
		return false;
	mapping->device = makedev(major_number, minor_number);
	mapping->name = line + name;
	return true;
}

/* ---- SysV shared memory ------------------------------------------------------------------- */

/* Fills in what criu looks at, the device, from the mapping at `start` of our own. */
static int stat_own_mapping(unsigned long start, struct stat *st)
{
	char *line = NULL;
	size_t capacity = 0;
	bool found = false;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && !found && getline(&line, &capacity, maps) > 0) {
		struct mapping mapping;
		if (!parse_mapping(line, &mapping) || mapping.start != start)
			continue;
		*st = (struct stat){.st_dev = mapping.device, .st_ino = mapping.inode};
		found = true;
	}
	free(line);
	if (maps)
		fclose(maps);
	return found ? 0 : -1;
}

int stat(const char *path, struct stat *st)
{
	static const char own[] = "/proc/self/map_files/";
	if (fstatat(AT_FDCWD, path, st, 0) == 0)
		return 0;
	int number = errno;
	if (number == EPERM && !strncmp(path, own, sizeof(own) - 1) &&
		stat_own_mapping(strtoul(path + sizeof(own) - 1, NULL, 16), st) == 0)
		return 0;
	errno = number;
	return -1;
}

int stat64(const char *path, struct stat64 *st)
{
	return stat(path, (struct stat *)st);
}

static bool is_own_proc(int dirfd)
{
	struct stat self, dir;
	return fstatat(AT_FDCWD, "/proc/self", &self, 0) == 0 && fstat(dirfd, &dir) == 0 &&
		self.st_dev == dir.st_dev && self.st_ino == dir.st_ino;
}

/* criu opens its own mapping of a segment to ask for holes with SEEK_DATA and reads the data
 * elsewhere. /dev/zero answers that data begin at 0 and never end. */
static int open_without_holes(void)
{
	return plain_openat(AT_FDCWD, "/dev/zero", O_RDONLY | O_CLOEXEC, 0);
}

/* ---- deleted files and memfds ------------------------------------------------------------- */

/* The mappings of deleted files of the process that criu asks about now. */
static struct {
	ino_t process; /* the inode of its map_files */
	unsigned long asked;
	struct mapping *mappings;
	size_t count;
} deleted;

static void forget_deleted(void)
{
	for (size_t i = 0; i < deleted.count; i++)
		free(deleted.mappings[i].name);
	deleted.count = 0;
	deleted.process = 0;
}

/* Those that criu takes for what they are by their names; they are no files. */
static bool is_shared_memory(const char *name)
{
	return !strncmp(name, "/SYSV", 5) || !strncmp(name, "/dev/zero ", 10);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);
	return length >= tail && !strcmp(text + length - tail, end);
}

static bool note_deleted(const struct mapping *mapping)
{
	struct mapping *more =
		realloc(deleted.mappings, (deleted.count + 1) * sizeof(*deleted.mappings));
	if (!more)
		return false;
	deleted.mappings = more;
	more[deleted.count] = *mapping;
	more[deleted.count].name = strdup(mapping->name);
	return more[deleted.count].name && ++deleted.count;
}

static void read_deleted(FILE *maps)
{
	char *line = NULL;
	size_t capacity = 0;
	bool room = true;
	while (room && getline(&line, &capacity, maps) > 0) {
		struct mapping mapping;
		if (parse_mapping(line, &mapping) && ends_with(mapping.name, " (deleted)") &&
			!is_shared_memory(mapping.name))
			room = note_deleted(&mapping);
	}
	free(line);
}

/* Reads the maps beside `map_files` once for all the questions about one stopped process. criu asks
 * in rising order; an address that is not higher is the start of another look. */
static void refresh_deleted(int map_files, unsigned long start)
{
	struct stat st;
	if (fstat(map_files, &st) < 0)
		return;
	if (st.st_ino == deleted.process && start > deleted.asked) {
		deleted.asked = start;
		return;
	}
	forget_deleted();
	int fd = plain_openat(map_files, "../maps", O_RDONLY | O_CLOEXEC, 0);
	FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
	if (!maps)
		return;
	read_deleted(maps);
	fclose(maps);
	deleted.process = st.st_ino;
	deleted.asked = start;
}

static const struct mapping *find_deleted(int map_files, unsigned long start, unsigned long end)
{
	refresh_deleted(map_files, start);
	for (size_t i = 0; i < deleted.count; i++)
		if (deleted.mappings[i].start == start && deleted.mappings[i].end == end)
			return &deleted.mappings[i];
	return NULL;
}

/* Some file systems (btrfs, overlayfs) show another device in maps than stat does; then the name
 * has to do. */
static bool is_same_file(int fds, const char *number, const struct mapping *mapping)
{
	struct stat st;
	if (fstatat(fds, number, &st, 0) < 0 || st.st_ino != mapping->inode)
		return false;
	if (st.st_dev == mapping->device)
		return true;
	char name[4096];
	ssize_t length = readlinkat(fds, number, name, sizeof(name) - 1);
	if (length < 0)
		return false;
	name[length] = '\0';
	return !strcmp(name, mapping->name);
}

static DIR *open_folder(int dirfd, const char *path)
{
	int fd = plain_openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return fd < 0 ? NULL : fdopendir(fd);
}

/* Opens the mapped file again by a descriptor in `folder`, a /proc/PID/fd seen from `at`. */
static int open_by_descriptor(int at, const char *folder, const struct mapping *mapping, int flags)
{
	DIR *fds = open_folder(at, folder);
	int found = -1;
	for (struct dirent *entry; fds && found < 0 && (entry = readdir(fds));)
		if (entry->d_name[0] != '.' && is_same_file(dirfd(fds), entry->d_name, mapping))
			found = plain_openat(dirfd(fds), entry->d_name, flags, 0);
	if (fds)
		closedir(fds);
	return found;
}

/* The process that has it mapped is the likeliest to have it open; then all others. */
static int open_by_any_descriptor(int map_files, const struct mapping *mapping, int flags)
{
	int found = open_by_descriptor(map_files, "../fd", mapping, flags);
	DIR *proc = found < 0 ? open_folder(map_files, "../..") : NULL;
	for (struct dirent *entry; proc && found < 0 && (entry = readdir(proc));) {
		char fds[sizeof(entry->d_name) + 4];
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(fds, sizeof(fds), "%s/fd", entry->d_name);
		found = open_by_descriptor(dirfd(proc), fds, mapping, flags);
	}
	if (proc)
		closedir(proc);
	return found;
}

/* `range` in a /proc/PID/map_files. Those still there by name are left to criu's own way round. */
static int open_deleted(int map_files, const char *range, int flags)
{
	unsigned long start, end;
	int length = 0;
	if (sscanf(range, "%lx-%lx%n", &start, &end, &length) != 2 || range[length])
		return -1;
	const struct mapping *mapping = find_deleted(map_files, start, end);
	if (!mapping)
		return -1;
	/* Only a real open tells criu what kind of file it is. */
	return open_by_any_descriptor(map_files, mapping, flags & ~O_PATH);
}

/* ---- the limits of the IPC namespace ------------------------------------------------------ */

/* The counters msg_next_id, sem_next_id and shm_next_id are not among them: criu can write those
 * without privilege, and a restore that loses them must fail. */
static bool is_ipc_limit(const char *path)
{
	static const char *const names[] = {"sem", "msgmax", "msgmnb", "msgmni", "auto_msgmni",
		"shmall", "shmmax", "shmmni", "shm_rmid_forced"};
	if (!strncmp(path, "sys/", 4))
		path += 4;
	if (!strncmp(path, "fs/mqueue/", 10))
		return true;
	if (strncmp(path, "kernel/", 7))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(path + 7, names[i]))
			return true;
	return false;
}

/* ---- what criu calls ---------------------------------------------------------------------- */

static int answer_refusal(int dirfd, const char *path, int flags, int number)
{
	static const char map_files[] = "map_files/";
	if (number == EACCES && (flags & O_ACCMODE) != O_RDONLY && is_ipc_limit(path))
		return plain_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	if (number != EPERM)
		return -1;
	if (strncmp(path, map_files, sizeof(map_files) - 1))
		return open_deleted(dirfd, path, flags);
	return is_own_proc(dirfd) ? open_without_holes() : -1;
}

static int open_or_answer(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd = plain_openat(dirfd, path, flags, mode);
	if (fd >= 0)
		return fd;
	int number = errno;
	fd = answer_refusal(dirfd, path, flags, number);
	if (fd < 0)
		errno = number;
	return fd;
}

int openat64(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	if (flags & (O_CREAT | O_TMPFILE)) {
		va_list args;
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return open_or_answer(dirfd, path, flags, mode);
}
