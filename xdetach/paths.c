#define _GNU_SOURCE
#include "xdetach/paths.h"

#include "base/buf.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

char *paths_format(struct err *err, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	if (length >= 0)
		return text;
	err_set(err, "out of memory");
	return NULL;
}

/* The folder of the running executable. */
static char *own_dir(struct err *err)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (length < 0) {
		err_errno(err, "/proc/self/exe");
		return NULL;
	}
	path[length] = '\0';
	char *slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return paths_format(err, "%s", path);
}

/* A helper's path where it exists, else NULL with the error untouched (but for lack of memory). */
static char *find_helper(const char *name, struct err *err)
{
	static const char *const places[] = {"", "/../libexec/glckpt"};
	scoped_free char *dir = own_dir(err);
	for (size_t i = 0; dir && i < array_len(places); i++) {
		scoped_free char *path = paths_format(err, "%s%s/%s", dir, places[i], name);
		if (!path)
			return NULL;
		char *real = realpath(path, NULL);
		if (real)
			return real;
	}
	return NULL;
}

char *paths_helper(const char *name, struct err *err)
{
	char *path = find_helper(name, err);
	if (!path)
		err_set(err, "the helper %s is missing: run `make` again, or install glckpt anew",
			name);
	return path;
}

/* `path` seen from `dir` unless it is absolute; NULL `dir`: from the current folder. */
static char *absolute(const char *path, const char *dir, struct err *err)
{
	if (path[0] == '/')
		return paths_format(err, "%s", path);
	if (dir)
		return paths_format(err, "%s/%s", dir, path);
	scoped_free char *here = get_current_dir_name();
	if (!here) {
		err_errno(err, "the current folder");
		return NULL;
	}
	return paths_format(err, "%s/%s", here, path);
}

/* Takes the heap string `path`; gives it back where it can be executed. */
static char *must_execute(char *path, struct err *err)
{
	if (!path || access(path, X_OK) == 0)
		return path;
	err_errno(err, "%s", path);
	free(path);
	return NULL;
}

/* The criu that a criu.path file names. */
static char *chosen_criu(const char *file, struct err *err)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_file(AT_FDCWD, file, &text, PATH_MAX, err) < 0)
		return NULL;
	if (text.data)
		text.data[strcspn(text.data, "\n")] = '\0';
	scoped_free char *dir = paths_format(err, "%s", file);
	if (!dir)
		return NULL;
	*strrchr(dir, '/') = '\0';
	return must_execute(absolute(text.data ? text.data : "", dir, err), err);
}

char *paths_program(const char *name)
{
	const char *path = getenv("PATH");
	scoped_free char *folders =
		paths_format(NULL, "%s:/usr/local/sbin:/usr/sbin", path ? path : "/usr/bin");
	char *rest = folders;
	for (char *folder; (folder = strsep(&rest, ":"));) {
		char *program = folder[0] == '/' ? paths_format(NULL, "%s/%s", folder, name) : NULL;
		if (program && access(program, X_OK) == 0)
			return program;
		free(program);
	}
	return NULL;
}

static char *criu_of_path(struct err *err)
{
	char *criu = paths_program("criu");
	if (!criu)
		err_set(err,
			"there is no criu: run `make criu` in glckpt's source, or name one "
			"with GLCKPT_CRIU");
	return criu;
}

char *paths_criu(struct err *err)
{
	const char *named = getenv("GLCKPT_CRIU");
	if (named && named[0]) {
		char *criu = must_execute(absolute(named, NULL, err), err);
		if (!criu)
			err_context(err, "GLCKPT_CRIU");
		return criu;
	}
	scoped_free char *file = find_helper("criu.path", err);
	if (!file)
		return criu_of_path(err);
	char *criu = chosen_criu(file, err);
	if (!criu)
		err_context(err, "the criu chosen by `make criu` (run it again)");
	return criu;
}

/* A private folder: made when missing, refused when another user could have prepared it. */
static int own_private(const char *path, struct err *err)
{
	struct stat st;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, "%s", path);
	if (lstat(path, &st) < 0)
		return err_errno(err, "%s", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(err,
			"%s is not a folder of yours that is closed to others: remove "
			"it, or set XDG_RUNTIME_DIR",
			path);
	return 0;
}

/* What the standard says of XDG_RUNTIME_DIR: absolute, there, and the user's own. One that a
 * change of user left behind in the environment is not. */
static bool usable_runtime_dir(const char *dir)
{
	struct stat st;
	return dir && dir[0] == '/' && stat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
		st.st_uid == geteuid();
}

char *paths_run_dir(struct err *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	scoped_free char *dir = usable_runtime_dir(runtime)
		? paths_format(err, "%s/glckpt", runtime)
		: paths_format(err, "/tmp/glckpt-%u", (unsigned)geteuid());
	if (!dir || own_private(dir, err) < 0)
		return NULL;
	return steal_ptr(&dir);
}

static const char *home(struct err *err)
{
	const char *dir = getenv("HOME");
	if (dir && dir[0] == '/')
		return dir;
	const struct passwd *user = getpwuid(geteuid());
	if (user && user->pw_dir && user->pw_dir[0] == '/')
		return user->pw_dir;
	err_set(err, "there is no home folder: set HOME");
	return NULL;
}

/* $VARIABLE/TAIL, else ~/FALLBACK/TAIL; the standard says to ignore a relative $VARIABLE. */
static char *xdg_dir(const char *variable, const char *fallback, const char *tail, struct err *err)
{
	const char *dir = getenv(variable);
	if (dir && dir[0] == '/')
		return paths_format(err, "%s/%s", dir, tail);
	const char *above = home(err);
	return above ? paths_format(err, "%s/%s/%s", above, fallback, tail) : NULL;
}

char *paths_state_dir(struct err *err)
{
	return xdg_dir("XDG_STATE_HOME", ".local/state", "glckpt", err);
}

char *paths_image_dir(struct err *err)
{
	const char *named = getenv("GLCKPT_IMAGE_DIR");
	if (named && named[0])
		return absolute(named, NULL, err);
	return xdg_dir("XDG_DATA_HOME", ".local/share", "glckpt/images", err);
}
