#define _GNU_SOURCE
#include "xdetach/session/checkpoint.h"

#include "base/io.h"
#include "base/log.h"
#include "wire/ctl.h"
#include "xdetach/doctor/host.h"
#include "xdetach/engine/criu.h"
#include "xdetach/fail.h"
#include "xdetach/image/files.h"
#include "xdetach/image/image.h"
#include "xdetach/paths.h"
#include "xdetach/session/gl-driver.h"
#include "xdetach/session/gl.h"
#include "xdetach/session/namespace.h"
#include "xdetach/session/outside.h"
#include "xdetach/session/proctree.h"
#include "xdetach/stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The private /dev/shm is kept whole, up to this size. */
#define SHM_LIMIT ((uint64_t)64 << 30)

struct work {
	const struct checkpoint *request;
	struct image_writer *writer;
	struct stream_capture *capture;
	char *dir; /* RUN-DIR/criu */
	struct proctree tree;
	uint64_t expected;

	double began, freezing;
	double pause_s;
	struct namespace_clock clock; /* as the processes see it, when they stand still */
	int last_pid;
	json_t *drained;

	pthread_t keeper; /* keeps files while criu dumps memory */
	bool keeping;
	json_t *files;
	struct err keep_err;
	struct stream_stats stats;
};

static void work_finish(struct work *work)
{
	if (work->keeping)
		pthread_join(work->keeper, NULL);
	stream_capture_destroy(work->capture);
	image_writer_destroy(work->writer);
	proctree_finish(&work->tree);
	json_decref(work->drained);
	json_decref(work->files);
	free(work->dir);
}

static int tell(const struct work *work, json_t *message, struct err *err)
{
	return ctl_send(work->request->channel, message, err);
}

static int tell_phase(const struct work *work, const char *phase, struct err *err)
{
	return tell(work,
		json_pack("{s:s, s:s, s:I}", "event", "progress", "phase", phase, "bytes",
			(json_int_t)work->expected),
		err);
}

/* ---- before ---- */

/* Lets the keeper, who sees the host's paths, remove what a killed worker leaves. */
static void leave_trace(const struct work *work)
{
	const struct checkpoint *request = work->request;
	scoped_free char *trace = paths_format(NULL, "%s/part", request->session->run_dir);
	const char *slash = strrchr(request->path, '/');
	const char *part = strrchr(image_writer_dir(work->writer), '/');
	scoped_free char *target = slash && part
		? paths_format(NULL, "%.*s%s", (int)(slash - request->path), request->path, part)
		: NULL;
	if (!trace || !target)
		return;
	unlink(trace);
	if (symlink(target, trace) < 0)
		log_debug("no trace of %s", target);
}

char *checkpoint_trace(const char *run_dir)
{
	char target[4096];
	scoped_free char *trace = paths_format(NULL, "%s/part", run_dir);
	ssize_t length = trace ? readlink(trace, target, sizeof(target) - 1) : -1;
	if (length <= 0)
		return NULL;
	target[length] = '\0';
	unlink(trace);
	return strstr(target, ".part-") ? strdup(target) : NULL;
}

/* In a child with a time limit, because a frozen X server never answers. Not worth a failure. */
static void take_picture(const struct work *work)
{
	const struct checkpoint *request = work->request;
	if (request->xserver->number < 0)
		return;
	scoped_free char *path =
		paths_format(NULL, "%s/screen.png", image_writer_dir(work->writer));
	pid_t pid = path ? fork() : -1;
	if (pid == 0) {
		struct err err = ERR_INIT;
		alarm(XSERVER_TIMEOUT_MS / 1000);
		int result = xserver_screenshot(
			request->xserver, request->session->run_dir, path, 0, &err);
		_exit(result == 0 ? 0 : 1);
	}
	int status = -1;
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (path && status != 0)
		unlink(path);
}

static int prepare_image(struct work *work, struct err *err)
{
	const struct checkpoint *request = work->request;
	scoped_free char *path = namespace_host_path(request->session->run_dir, request->path, err);
	if (!path)
		return -1;
	work->writer = image_writer_create(path, err);
	if (!work->writer)
		return -1;
	leave_trace(work);
	return 0;
}

static int prepare_capture(struct work *work, struct err *err)
{
	struct stream_capture_options options = {
		.compression = STREAM_AUTO,
		.expected = work->expected,
		.hold = !work->request->stop,
	};
	scoped_free char *path =
		paths_format(err, "%s/process.img", image_writer_dir(work->writer));
	work->dir = criu_make_dir(work->request->session->run_dir, err);
	if (!path || !work->dir)
		return -1;
	work->capture = stream_capture_create(work->dir, path, &options, err);
	return work->capture ? 0 : -1;
}

/* Watchers of the display close their connections to the private X server. */
static int have_watchers_let_go(const struct work *work, struct err *err)
{
	json_t *answer = ctl_call(work->request->channel, json_pack("{s:s}", "op", "let-go"), err);
	json_decref(answer);
	return answer ? 0 : -1;
}

static int prepare(struct work *work, struct err *err)
{
	const struct checkpoint *request = work->request;
	if (fail_here("checkpoint-begin", err) < 0 ||
		proctree_read(&work->tree, request->root, err) < 0)
		return -1;
	if (!work->tree.count)
		return err_set(err, "the application has ended");
	work->expected = proctree_memory(&work->tree);
	if (prepare_image(work, err) < 0)
		return err_context(err, "image");
	take_picture(work);
	if (have_watchers_let_go(work, err) < 0 || (request->gl_proxy && gl_let_go(err) < 0) ||
		outside_check(&work->tree, request->close_tcp, err) < 0)
		return -1;
	return prepare_capture(work, err);
}

/* ---- while the processes stand still ---- */

static int keep_gl(const struct work *work, const char *dir, struct err *err)
{
	const struct checkpoint *request = work->request;
	scoped_free char *snapshots = paths_format(err, "%s/gl", dir);
	scoped_free char *last = request->parent
		? namespace_host_path(request->session->run_dir, request->parent, NULL)
		: NULL;
	scoped_free char *parent = last ? paths_format(NULL, "%s/gl", last) : NULL;
	if (!request->gl_proxy)
		return 0;
	return snapshots ? gl_snapshot(snapshots, parent, err) : -1;
}

static void *keep_files(void *data)
{
	struct work *work = data;
	const char *dir = image_writer_dir(work->writer);
	/* The proxies execute what is in their files before those are kept. */
	if (files_keep(work->files, dir, &work->keep_err) == 0 &&
		keep_gl(work, dir, &work->keep_err) == 0)
		files_keep_tree(NAMESPACE_SHM, dir, "shm", GL_JOURNALS, SHM_LIMIT, &work->keep_err);
	return NULL;
}

static int on_freezing(void *data, struct err *err)
{
	struct work *work = data;
	if (fail_here("checkpoint-freezing", err) < 0)
		return -1;
	work->freezing = io_now();
	return 0;
}

static int drain(struct work *work, struct err *err)
{
	work->drained = ctl_call(work->request->channel, json_pack("{s:s}", "op", "drain"), err);
	return work->drained ? 0 : -1;
}

static int on_frozen(void *data, struct err *err)
{
	struct work *work = data;
	namespace_clock_now(&work->clock);
	work->last_pid = namespace_last_pid();
	proctree_finish(&work->tree);
	if (fail_here("checkpoint-frozen", err) < 0 || drain(work, err) < 0 ||
		proctree_read(&work->tree, work->request->root, err) < 0)
		return -1;
	/* Before criu works in the processes, which then hold its log as well. */
	work->files = files_scan(work->tree.pids, work->tree.count, NAMESPACE_SHM, err);
	if (!work->files)
		return -1;
	if (pthread_create(&work->keeper, NULL, keep_files, work) != 0)
		return err_set(err, "no thread could be started");
	work->keeping = true;
	return 0;
}

static int on_dumped(void *data, struct err *err)
{
	struct work *work = data;
	pthread_join(work->keeper, NULL);
	work->keeping = false;
	if (err_is_set(&work->keep_err))
		return err_set(err, "keeping files: %s", work->keep_err.text);
	if (fail_here("checkpoint-dumped", err) < 0)
		return -1;
	return stream_capture_settle(work->capture, err);
}

/* The kernel lets an ordinary user have only so many pages in pipes (pipe(7),
 * pipe-user-pages-soft): enough for one criu at a time. Nothing is frozen yet. */
static int take_turn(const struct work *work, struct err *err)
{
	if (getuid() == 0)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	return criu_lock(work->request->session->run_dir, err);
}

static int dump(struct work *work, struct err *err)
{
	const struct checkpoint *request = work->request;
	const struct criu_hooks hooks = {on_freezing, on_frozen, on_dumped, work};
	const struct criu_dump options = {
		.root = request->root,
		.dir = work->dir,
		.leave_running = !request->stop,
		.close_tcp = request->close_tcp,
		.limit_s = criu_limit(work->expected),
	};
	struct err criu_err = ERR_INIT;
	scoped_fd int turn = take_turn(work, err);
	if (turn < 0 || tell_phase(work, "dump", err) < 0)
		return -1;
	if (criu_dump(&options, &hooks, &criu_err) < 0) {
		/* A full disk explains why criu failed, so it is said instead. */
		stream_capture_error(work->capture, err);
		return err_set_status(err, criu_err.status, "%s", criu_err.text);
	}
	work->pause_s = io_now() - work->freezing;
	if (!work->drained)
		return err_set(err, "criu did not load glckpt's plugin: run `make` again");
	return 0;
}

/* ---- behind the application's back ---- */

static int keep_log(const struct work *work, struct err *err)
{
	scoped_buf struct buf log = BUF_INIT;
	scoped_free char *from = paths_format(err, "%s/criu.log", work->dir);
	scoped_free char *dir = paths_format(err, "%s/log", image_writer_dir(work->writer));
	scoped_free char *to = dir ? paths_format(err, "%s/criu-dump.log", dir) : NULL;
	if (!from || !to || io_make_dirs(dir, 0700, err) < 0)
		return -1;
	if (io_read_file(AT_FDCWD, from, &log, 64 << 20, err) < 0)
		return -1;
	return io_write_file(AT_FDCWD, to, log.data, log.size, 0600, err);
}

static json_t *describe_engine(const struct work *work)
{
	scoped_free char *version = criu_version(NULL);
	json_t *engine = json_object();
	json_object_set_new(engine, "criu", json_string(version ? version : "?"));
	json_object_set_new(engine, "root_pid", json_integer(work->request->root));
	json_object_set_new(engine, "last_pid", json_integer(work->last_pid));
	json_object_set_new(engine, "monotonic_ns", json_integer(work->clock.monotonic_ns));
	json_object_set_new(engine, "boottime_ns", json_integer(work->clock.boottime_ns));
	json_object_set_new(engine, "unprivileged", json_boolean(getuid() != 0));
	json_object_set_new(engine, "close_tcp", json_boolean(work->request->close_tcp));
	json_object_set_new(engine, "uid", json_integer(getuid()));
	json_object_set_new(engine, "gid", json_integer(getgid()));
	return engine;
}

static json_t *describe_figures(const struct work *work)
{
	json_t *figures = json_object();
	json_object_set_new(figures, "pause_s", json_real(work->pause_s));
	json_object_set_new(figures, "raw_bytes", json_integer((json_int_t)work->stats.raw_bytes));
	json_object_set_new(
		figures, "stored_bytes", json_integer((json_int_t)work->stats.stored_bytes));
	return figures;
}

static json_t *make_manifest(const struct work *work, struct err *err)
{
	const struct checkpoint *request = work->request;
	json_t *host = host_describe(err);
	if (!host)
		return NULL;
	json_t *manifest = json_object();
	json_object_set_new(manifest, "glckpt", json_string(GLCKPT_VERSION));
	json_object_set_new(manifest, "host", host);
	json_object_set(manifest, "session", request->description);
	json_object_set(manifest, "pipes", request->pipes);
	json_object_set_new(manifest, "engine", describe_engine(work));
	json_object_set_new(manifest, "gl", gl_driver_of(image_writer_dir(work->writer)));
	json_object_set(manifest, "stdio", work->drained);
	json_object_set(manifest, "files", work->files);
	json_object_set_new(manifest, "processes", proctree_to_json(&work->tree));
	json_object_set_new(manifest, "figures", describe_figures(work));
	return manifest;
}

/* The last look before the image appears: what was frozen, or cut off, may have been overtaken. */
static int check_fence(void *data, struct err *err)
{
	const struct work *work = data;
	const struct checkpoint *request = work->request;
	if (!request->fence.dir)
		return 0;
	scoped_free char *dir =
		namespace_host_path(request->session->run_dir, request->fence.dir, err);
	return dir ? lease_check(dir, request->fence.token, err) : -1;
}

static int store(struct work *work, struct err *err)
{
	if (tell_phase(work, "store", err) < 0 ||
		stream_capture_finish(work->capture, &work->stats, err) < 0)
		return -1;
	if (fail_here("checkpoint-stored", err) < 0 || files_hash(work->files, err) < 0 ||
		keep_log(work, err) < 0 || fail_here("checkpoint-publish", err) < 0)
		return -1;
	json_t *manifest = make_manifest(work, err);
	if (!manifest)
		return -1;
	image_writer_guard(work->writer, check_fence, (void *)work);
	int result = image_writer_publish(work->writer, manifest, err);
	json_decref(manifest);
	return result;
}

static int tell_thawed(const struct work *work, struct err *err)
{
	if (work->request->stop)
		return 0;
	return tell(work,
		json_pack("{s:s, s:f, s:s}", "event", "thawed", "pause_s", work->pause_s, "path",
			work->request->path),
		err);
}

static int tell_done(const struct work *work, struct err *err)
{
	return tell(work,
		json_pack("{s:s, s:s, s:f, s:f, s:I, s:I, s:I}", "event", "done", "path",
			work->request->path, "pause_s", work->pause_s, "durable_s",
			io_now() - work->began, "raw_bytes", (json_int_t)work->stats.raw_bytes,
			"stored_bytes", (json_int_t)work->stats.stored_bytes, "memory",
			(json_int_t)work->expected),
		err);
}

int checkpoint_run(const struct checkpoint *checkpoint)
{
	struct err err = ERR_INIT;
	scoped(work_finish) struct work work = {.request = checkpoint, .began = io_now()};
	if (prepare(&work, &err) < 0 || dump(&work, &err) < 0 || tell_thawed(&work, &err) < 0 ||
		store(&work, &err) < 0 || tell_done(&work, &err) < 0) {
		ctl_send(checkpoint->channel, ctl_error(&err), NULL);
		return STATUS_FAILED;
	}
	return STATUS_OK;
}
