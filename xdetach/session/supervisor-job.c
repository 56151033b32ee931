#define _GNU_SOURCE
#include "xdetach/session/supervisor-state.h"

#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/fail.h"
#include "xdetach/paths.h"
#include "xdetach/session/checkpoint.h"
#include "xdetach/session/gl.h"
#include "xdetach/session/namespace.h"
#include "xdetach/session/proctree.h"
#include "xdetach/session/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* ---- what the worker says ---- */

static void answer(struct supervisor *supervisor, json_t *message)
{
	struct job *job = &supervisor->job;
	if (job->client)
		serve_tell(job->client, message);
	else
		json_decref(message);
}

static json_t *hex_of(const struct buf *bytes)
{
	scoped_buf struct buf text = BUF_INIT;
	for (size_t i = 0; i < bytes->size; i++)
		buf_printf(&text, "%02x", (unsigned char)bytes->data[i]);
	return json_string(text.data ? text.data : "");
}

/* All processes stand still: what they wrote before is delivered now. */
static void drain_streams(struct supervisor *supervisor)
{
	scoped_buf struct buf unread = BUF_INIT;
	bool one = supervisor->one_output;
	outlet_drain(&supervisor->output);
	if (!one)
		outlet_drain(&supervisor->error);
	inlet_unread(&supervisor->input, &unread);
	json_t *stdout_at = outlet_position(&supervisor->output);
	json_t *stderr_at = one ? json_null() : outlet_position(&supervisor->error);
	ctl_send(supervisor->job.watch.fd,
		json_pack("{s:s, s:o, s:o, s:o, s:b}", "event", "drained", "stdout", stdout_at,
			"stderr", stderr_at, "unread", hex_of(&unread), "input_ended",
			supervisor->input.ended),
		NULL);
}

static void forget_oldest_periodic(struct supervisor *supervisor)
{
	char *oldest = supervisor->periodic[PERIODIC_KEPT];
	scoped_free char *path = oldest
		? namespace_host_path(supervisor->plan->session.run_dir, oldest, NULL)
		: NULL;
	if (path)
		io_remove_tree(AT_FDCWD, path, NULL);
	free(oldest);
	supervisor->periodic[PERIODIC_KEPT] = NULL;
}

static void remember_periodic(struct supervisor *supervisor, const char *path)
{
	memmove(supervisor->periodic + 1, supervisor->periodic,
		PERIODIC_KEPT * sizeof(supervisor->periodic[0]));
	supervisor->periodic[0] = strdup(path);
	forget_oldest_periodic(supervisor);
}

static void checkpoint_done(struct supervisor *supervisor, json_t *message)
{
	struct job *job = &supervisor->job;
	json_decref(supervisor->last_checkpoint);
	supervisor->last_checkpoint = json_incref(message);
	json_object_set_new(message, "time", json_integer((json_int_t)time(NULL)));
	if (job->periodic) {
		remember_periodic(supervisor, job->path);
		supervisor_note(supervisor, "periodic checkpoint: %s", job->path);
	}
	supervisor_tell_kept(supervisor, message, job->stop);
	if (job->stop) {
		supervisor->checkpointed = true;
		supervisor_kill_tree(supervisor);
	}
}

static void restore_done(struct supervisor *supervisor, const json_t *message)
{
	outlet_handed_over(&supervisor->output);
	outlet_handed_over(&supervisor->error);
	supervisor_started(supervisor, json_number_value(json_object_get(message, "restore_s")));
}

static void job_failed(struct supervisor *supervisor, const json_t *message)
{
	struct job *job = &supervisor->job;
	struct err err = ERR_INIT;
	ctl_check(message, &err);
	if (job->kind == JOB_RESTORE)
		supervisor_failed(supervisor, &err);
	else if (!job->client)
		supervisor_note(supervisor, "checkpoint: %s", err.text);
}

/* The proxies let go of the X server for the dump (checkpoint.c). */
static void hold_display(struct supervisor *supervisor)
{
	struct err err = ERR_INIT;
	if (supervisor->plan->gl_proxy && gl_take_hold(&err) < 0)
		supervisor_note(supervisor, "%s", err.text);
}

static void job_thawed(struct supervisor *supervisor, json_t *message)
{
	struct job *job = &supervisor->job;
	job->thawed = true;
	hold_display(supervisor);
	watch_attach(supervisor);
	answer(supervisor, json_incref(message));
	if (!job->client_waits)
		job->client = NULL; /* a failure from here on is for the log */
}

static void handle(struct supervisor *supervisor, json_t *message)
{
	if (ctl_is(message, "op", "drain"))
		drain_streams(supervisor);
	else if (ctl_is(message, "op", "let-go"))
		watch_let_go(supervisor);
	else if (ctl_is(message, "event", "progress"))
		answer(supervisor, json_incref(message));
	else if (ctl_is(message, "event", "thawed"))
		job_thawed(supervisor, message);
	else if (!supervisor->job.result)
		supervisor->job.result = json_incref(message);
}

/* ---- its end ---- */

/* The trace of a part folder (checkpoint.c) is of use only while the worker lives. */
static void remove_part(struct supervisor *supervisor)
{
	const char *run_dir = supervisor->plan->session.run_dir;
	scoped_free char *part = checkpoint_trace(run_dir);
	scoped_free char *path = part ? namespace_host_path(run_dir, part, NULL) : NULL;
	if (path)
		io_remove_tree(AT_FDCWD, path, NULL);
}

/* A worker that failed before the end may have left the processes stopped. */
static void continue_tree(struct supervisor *supervisor)
{
	struct proctree tree;
	if (proctree_read(&tree, supervisor->root, NULL) == 0)
		proctree_continue(&tree, &supervisor->job.stopped);
	proctree_finish(&tree);
}

static void note_stopped(struct supervisor *supervisor)
{
	struct proctree tree;
	if (proctree_read(&tree, supervisor->root, NULL) == 0)
		proctree_note_stopped(&tree, &supervisor->job.stopped);
	proctree_finish(&tree);
}

static json_t *killed_worker(void)
{
	struct err err = ERR_INIT;
	err_set(&err, "the worker was killed; nothing was kept");
	return ctl_error(&err);
}

/* The worker has closed its channel: what it said last is its result. */
static void job_ended(struct supervisor *supervisor)
{
	struct job *job = &supervisor->job;
	int fd = job->watch.fd;
	loop_remove(&supervisor->loop, &job->watch);
	close(fd);
	kill(job->pid, SIGKILL);
	waitpid(job->pid, NULL, 0);
	if (!job->result)
		job->result = killed_worker();
	bool done = ctl_is(job->result, "event", "done");
	if (!done)
		job_failed(supervisor, job->result);
	else if (job->kind == JOB_RESTORE)
		restore_done(supervisor, job->result);
	else
		checkpoint_done(supervisor, job->result);
	if (job->kind == JOB_CHECKPOINT)
		remove_part(supervisor);
	if (job->stop && !done)
		continue_tree(supervisor);
	if (job->kind == JOB_CHECKPOINT && !done && !job->thawed)
		hold_display(supervisor);
	if (supervisor_is_orphan(supervisor))
		supervisor_kill_tree(supervisor);
	supervisor->let_go_by = 0;
	watch_attach(supervisor);
	answer(supervisor, json_incref(job->result));
	job_finish(supervisor);
	serve_next(supervisor);
}

static void on_job(struct watch *watch, uint32_t events)
{
	struct supervisor *supervisor = watch->owner;
	json_t *message = ctl_receive(watch->fd, NULL);
	if (!message && errno == EAGAIN)
		return;
	if (message)
		handle(supervisor, message);
	else
		job_ended(supervisor);
	json_decref(message);
}

void job_forget_client(struct supervisor *supervisor, const struct client *client)
{
	if (supervisor->job.client == client)
		supervisor->job.client = NULL;
}

void job_finish(struct supervisor *supervisor)
{
	struct job *job = &supervisor->job;
	free(job->path);
	json_decref(job->pipes);
	json_decref(job->result);
	proctree_stopped_finish(&job->stopped);
	*job = (struct job){.watch = {.fd = -1, .owner = supervisor}};
}

/* ---- its start ---- */

/* In the worker: only the channel is kept of what the supervisor has open. */
static void shed(struct supervisor *supervisor)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error like a full disk */
	close(supervisor->loop.epoll_fd);
	if (supervisor->listener.fd >= 0)
		close(supervisor->listener.fd);
	if (supervisor->front.fd >= 0)
		close(supervisor->front.fd);
}

typedef int job_fn(struct supervisor *supervisor, int channel);

static int fork_worker(struct supervisor *supervisor, job_fn *run, struct err *err)
{
	int ends[2];
	if (ctl_pair(ends, err) < 0)
		return -1;
	struct job *job = &supervisor->job;
	job->pid = fork();
	if (job->pid == 0) {
		shed(supervisor);
		close(ends[0]);
		_exit(run(supervisor, ends[1]));
	}
	close(ends[1]);
	if (job->pid < 0) {
		close(ends[0]);
		return err_errno(err, "fork");
	}
	job->watch = (struct watch){.fd = -1, .ready = on_job, .owner = supervisor};
	return loop_add(&supervisor->loop, &job->watch, ends[0], EPOLLIN, err);
}

static char *pipe_name(int fd)
{
	char link[64], name[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = fd >= 0 ? readlink(link, name, sizeof(name) - 1) : -1;
	return length > 0 ? strndup(name, (size_t)length) : NULL;
}

/* The names by which criu will find the pipes in the image: those of the present ones. */
static json_t *name_pipes(const struct supervisor *supervisor)
{
	const struct outlet *error =
		supervisor->one_output ? &supervisor->output : &supervisor->error;
	scoped_free char *in = pipe_name(supervisor->input.child_end);
	scoped_free char *out = pipe_name(supervisor->output.source);
	scoped_free char *err = pipe_name(error->source);
	return json_pack("{s:s?, s:s?, s:s?}", "stdin", in, "stdout", out, "stderr", err);
}

static char *default_path(const struct supervisor *supervisor, struct err *err)
{
	const struct plan *plan = supervisor->plan;
	char stamp[32];
	time_t now = time(NULL);
	struct tm utc;
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	for (int i = 1; i < 1000; i++) {
		char *path = i == 1
			? paths_format(err, "%s/%s-%s", plan->image_dir, plan->session.name, stamp)
			: paths_format(err, "%s/%s-%s-%d", plan->image_dir, plan->session.name,
				  stamp, i);
		scoped_free char *here =
			path ? namespace_host_path(plan->session.run_dir, path, err) : NULL;
		if (!here || access(here, F_OK) != 0)
			return path;
		free(path);
	}
	err_set(err, "%s is full of images of this second", plan->image_dir);
	return NULL;
}

static int make_image_dir(const struct supervisor *supervisor, struct err *err)
{
	const struct plan *plan = supervisor->plan;
	scoped_free char *dir = namespace_host_path(plan->session.run_dir, plan->image_dir, err);
	return dir ? io_make_dirs(dir, 0700, err) : -1;
}

/* The image that was taken last, or that the session came from. */
static const char *last_image(const struct supervisor *supervisor)
{
	const char *path = json_string_value(json_object_get(supervisor->last_checkpoint, "path"));
	const struct image *from = supervisor->plan->image;
	return path ? path : from ? from->path : NULL;
}

static int run_checkpoint(struct supervisor *supervisor, int channel)
{
	const struct job *job = &supervisor->job;
	struct plan *plan = supervisor->plan;
	const struct checkpoint checkpoint = {
		.session = &plan->session,
		.xserver = &plan->xserver,
		.description = plan->description,
		.pipes = job->pipes,
		.path = job->path,
		.parent = last_image(supervisor),
		.fence = plan->fence,
		.root = supervisor->root,
		.stop = job->stop,
		.gl_proxy = plan->gl_proxy,
		.close_tcp = json_is_true(json_object_get(plan->description, "close_tcp")),
		.channel = channel,
	};
	return checkpoint_run(&checkpoint);
}

static int refuse_checkpoint(const struct supervisor *supervisor, struct err *err)
{
	if (supervisor->job.kind == JOB_CHECKPOINT)
		return err_set(err, "a checkpoint of this session is being taken; try again then");
	if (!supervisor->running || supervisor->root_ended)
		return err_set(err, "the session is %s; try again",
			supervisor->root_ended ? "ending" : "just starting");
	return 0;
}

int job_start_checkpoint(
	struct supervisor *supervisor, const struct job_request *request, struct err *err)
{
	struct job *job = &supervisor->job;
	if (refuse_checkpoint(supervisor, err) < 0)
		return -1;
	if (!request->path && make_image_dir(supervisor, err) < 0)
		return -1;
	job->path = request->path ? strdup(request->path) : default_path(supervisor, err);
	job->pipes = name_pipes(supervisor);
	if (!job->path || !job->pipes)
		return -1;
	job->kind = JOB_CHECKPOINT;
	job->client = request->client;
	job->client_waits = request->wait || request->stop;
	job->stop = request->stop;
	job->periodic = request->periodic;
	json_object_set_new(
		supervisor->plan->description, "close_tcp", json_boolean(request->close_tcp));
	note_stopped(supervisor);
	fail_choose(request->fail);
	int result = fork_worker(supervisor, run_checkpoint, err);
	fail_choose(NULL);
	if (result < 0)
		job_finish(supervisor);
	return result;
}

static int run_restore(struct supervisor *supervisor, int channel)
{
	struct plan *plan = supervisor->plan;
	const struct restore restore = {
		.session = &plan->session,
		.image = plan->image,
		.files = plan->files,
		.display = plan->xserver.number,
		.gl_journal = plan->gl_journal,
		.gl_profile = plan->gl_profile,
		.log_fd = supervisor->log.fd,
		.stdin_fd = supervisor->input.child_end,
		.stdout_fd = supervisor->output.child_end,
		.stderr_fd = supervisor->one_output ? supervisor->output.child_end
						    : supervisor->error.child_end,
		.channel = channel,
	};
	return restore_run(&restore);
}

int job_start_restore(struct supervisor *supervisor, struct err *err)
{
	supervisor->job.kind = JOB_RESTORE;
	return fork_worker(supervisor, run_restore, err);
}
