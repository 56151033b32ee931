#define _GNU_SOURCE
#include "xdetach/session/restore.h"

#include "base/io.h"
#include "base/log.h"
#include "wire/ctl.h"
#include "xdetach/doctor/host.h"
#include "xdetach/engine/criu.h"
#include "xdetach/engine/timerfd.h"
#include "xdetach/fail.h"
#include "xdetach/paths.h"
#include "xdetach/session/gl-driver.h"
#include "xdetach/session/gl.h"
#include "xdetach/session/namespace.h"
#include "xdetach/stream/stream.h"

#include <fcntl.h>
#include <string.h>

static const json_t *member(const struct image *image, const char *object, const char *name)
{
	return json_object_get(json_object_get(image->manifest, object), name);
}

/* ---- before ---- */

static int check_user(const struct image *image, struct err *err)
{
	bool unprivileged = json_is_true(member(image, "engine", "unprivileged"));
	json_int_t uid = json_integer_value(member(image, "engine", "uid"));
	if (unprivileged != (getuid() != 0))
		return err_set(err,
			unprivileged ? "the image was taken by an ordinary user (uid %d); restore "
				       "it as that user"
				     : "the image was taken by root; restore it as root",
			(int)uid);
	if (unprivileged && uid != (json_int_t)getuid())
		return err_set(err,
			"the image belongs to uid %d, you are uid %d: files and processes would "
			"change hands",
			(int)uid, (int)getuid());
	return 0;
}

/* The driver is looked at while the image is read. */
static int verify(const struct restore_wanted *wanted, stream_progress_fn *progress, void *data,
	struct err *err)
{
	struct gl_check check = {0};
	struct err lacking = ERR_INIT;
	if (!wanted->gl_lacking && gl_check_begin(&check, wanted->image->path, err) < 0)
		return -1;
	const int verified = image_verify_frame(wanted->image, progress, data, err);
	const int known = gl_check_end(&check, &lacking);
	if (verified < 0)
		return -1;
	return known < 0 ? err_set(err, "%s", lacking.text) : 0;
}

int restore_check(const struct restore_wanted *wanted, stream_progress_fn *progress, void *data,
	struct err *err)
{
	const struct image *image = wanted->image;
	char warning[HOST_WARNING_MAX];
	if (check_user(image, err) < 0)
		return -1;
	if (host_check(json_object_get(image->manifest, "host"), warning, err) < 0)
		return err_context(err, "this host");
	if (warning[0])
		log_line("%s", warning);
	if (verify(wanted, progress, data, err) < 0)
		return -1;
	return files_check(
		json_object_get(image->manifest, "files"), image->path, wanted->files, err);
}

/* ---- inside the new namespaces ---- */

/* The path of the image as it is seen where /dev/shm is the session's own. */
static char *image_dir(const struct restore *restore, struct err *err)
{
	return namespace_host_path(restore->session->run_dir, restore->image->path, err);
}

/* What is private to the session, and so can be put back before the image is known to be sound. */
static int put_memory_back(const char *dir, struct err *err)
{
	if (files_put_back_tree(dir, "shm", NAMESPACE_SHM, err) < 0)
		return err_context(err, NAMESPACE_SHM);
	return 0;
}

/* The cookie of the private X server is needed outside as well. */
static int copy_cookie(const struct restore *restore, struct err *err)
{
	scoped_buf struct buf cookie = BUF_INIT;
	if (access(NAMESPACE_PRIVATE "/Xauthority", F_OK) < 0)
		return 0;
	scoped_free char *to = paths_format(err, "%s/Xauthority", restore->session->run_dir);
	if (!to || io_read_file(AT_FDCWD, NAMESPACE_PRIVATE "/Xauthority", &cookie, 65536, err) < 0)
		return -1;
	return io_write_file(AT_FDCWD, to, cookie.data, cookie.size, 0600, err);
}

struct edits {
	const struct restore *restore;
	const char *image;
	json_t *keep; /* paths */
};

/* The whole image is sound, and criu has opened no file yet. */
static int put_files_back(void *data, struct err *err)
{
	const struct edits *edits = data;
	const json_t *files = json_object_get(edits->restore->image->manifest, "files");
	return files_put_back(files, edits->image, edits->restore->files, err);
}

static int edit_files(struct buf *bytes, void *data, struct err *err)
{
	const struct edits *edits = data;
	if (edits->restore->files == FILES_KEEP && files_edit_criu(bytes, edits->keep, err) < 0)
		return -1;
	return timerfd_edit_criu(bytes, err);
}

/* With "keep" the files open for writing may have any size. */
static json_t *paths_to_keep(const struct restore *restore)
{
	json_t *paths = json_array();
	size_t i;
	json_t *file;
	json_array_foreach (json_object_get(restore->image->manifest, "files"), i, file)
		if (json_is_true(json_object_get(file, "write")))
			json_array_append(paths, json_object_get(file, "path"));
	return paths;
}

static size_t inherited(const struct restore *restore, struct criu_inherit *inherit)
{
	static const char *const names[] = {"stdin", "stdout", "stderr"};
	const int fds[] = {restore->stdin_fd, restore->stdout_fd, restore->stderr_fd};
	size_t count = 0;
	for (size_t i = 0; i < array_len(names); i++) {
		const char *name = json_string_value(member(restore->image, "pipes", names[i]));
		bool twice = count && name && !strcmp(inherit[count - 1].name, name);
		if (name && fds[i] >= 0 && !twice)
			inherit[count++] = (struct criu_inherit){name, fds[i]};
	}
	return count;
}

static unsigned limit_of(const struct image *image)
{
	json_int_t raw = json_integer_value(member(image, "figures", "raw_bytes"));
	return criu_limit((uint64_t)raw);
}

/*
 * criu makes an open and deleted file anew under a fixed name in its old folder, and deletes it
 * again: two restores at once would meet there. The lock is held until it is closed.
 */
static int lock_ghosts(const struct restore *restore, struct err *err)
{
	const json_t *files = json_object_get(restore->image->manifest, "files");
	bool ghosts = false;
	size_t i;
	json_t *file;
	json_array_foreach (files, i, file)
		ghosts = ghosts || json_is_true(json_object_get(file, "deleted"));
	if (!ghosts)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	return criu_lock(restore->session->run_dir, err);
}

static int run_criu(
	const struct restore *restore, const char *dir, struct stream_serve *serve, struct err *err)
{
	struct criu_inherit inherit[3];
	const struct criu_restore options = {
		.dir = dir,
		.inherit = inherit,
		.inherit_count = inherited(restore, inherit),
		.close_tcp = json_is_true(member(restore->image, "engine", "close_tcp")),
		.limit_s = limit_of(restore->image),
	};
	struct err criu_err = ERR_INIT;
	scoped_fd int lock = lock_ghosts(restore, err);
	if (lock < 0)
		return -1;
	int result = criu_restore(&options, &criu_err);
	/* Damage that was met on the way explains criu's failure, so it is said first. */
	if (stream_serve_finish(serve, err) < 0)
		return -1;
	if (result < 0)
		return err_set_status(err, criu_err.status, "%s", criu_err.text);
	return 0;
}

static int serve_and_restore(const struct restore *restore, const char *image, struct err *err)
{
	scoped_free char *dir = criu_make_dir(restore->session->run_dir, err);
	scoped_free char *process = paths_format(err, "%s/process.img", image);
	if (!dir || !process || fail_here("restore-serve", err) < 0)
		return -1;
	struct edits edits = {restore, image, paths_to_keep(restore)};
	struct stream_serve *serve = stream_serve_create(dir, process, 0, err);
	int result = -1;
	if (serve) {
		stream_serve_edit(serve, "files.img", edit_files, &edits);
		stream_serve_gate(serve, put_files_back, &edits);
		result = run_criu(restore, dir, serve, err);
	}
	stream_serve_destroy(serve);
	json_decref(edits.keep);
	return result;
}

/* Starts the proxies on their snapshots; -1 in `started` where there are none to start. */
static int start_gl(const struct restore *restore, const char *image, int *started, struct err *err)
{
	scoped_free char *snapshots = paths_format(err, "%s/gl", image);
	const struct gl_start start = {.display = restore->display,
		.log = restore->log_fd,
		.snapshots = snapshots,
		.journal = restore->gl_journal,
		.profile = restore->gl_profile};
	if (!snapshots || access(snapshots, F_OK) < 0)
		return err_is_set(err) ? -1 : 0;
	*started = gl_start(&start, err);
	return *started < 0 ? -1 : 0;
}

/* The application runs already: its calls wait for the proxies. */
static int await_gl(int started, struct err *err)
{
	if (started < 0)
		return 0;
	if (gl_await(started, err) < 0 || gl_take_hold(err) < 0)
		return err_context(err, "OpenGL");
	return 0;
}

static int take_up(const struct restore *restore, struct err *err)
{
	scoped_fd int gl = -1;
	if (fail_here("restore-begin", err) < 0)
		return -1;
	scoped_free char *image = image_dir(restore, err);
	if (!image || put_memory_back(image, err) < 0 || copy_cookie(restore, err) < 0)
		return -1;
	if (fail_here("restore-files", err) < 0 || start_gl(restore, image, &gl, err) < 0)
		return -1;
	if (serve_and_restore(restore, image, err) < 0 || await_gl(gl, err) < 0)
		return -1;
	return fail_here("restore-done", err);
}

int restore_run(const struct restore *restore)
{
	struct err err = ERR_INIT;
	double began = io_now();
	if (take_up(restore, &err) < 0) {
		ctl_send(restore->channel, ctl_error(&err), NULL);
		return STATUS_FAILED;
	}
	ctl_send(restore->channel,
		json_pack("{s:s, s:f}", "event", "done", "restore_s", io_now() - began), NULL);
	return STATUS_OK;
}
