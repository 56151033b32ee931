#define _GNU_SOURCE
#include "xdetach/batch/run-notice.h"

#include "base/io.h"
#include "base/log.h"
#include "wire/ctl.h"
#include "xdetach/batch/figures.h"
#include "xdetach/batch/run-images.h"
#include "xdetach/cmd.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* A checkpoint that failed (another was under way, a connection was open) is tried again. */
#define RETRY_S 0.3

/* How often a file is looked for that is a notice. */
#define LOOK_S 1

/* A supervisor that is just ending may not answer any more. */
#define ANSWER_S 3

void run_say(const struct run *run, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_line("%s%s", run->scheduler.who, text);
}

/* ---- asking the supervisor ---- */

static json_t *ask(const struct run *run, json_t *request)
{
	struct err err = ERR_INIT;
	const struct timeval limit = {.tv_sec = ANSWER_S};
	scoped_fd int fd = session_connect(run->session, NULL);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (fd >= 0)
		return ctl_call(fd, request, &err);
	json_decref(request);
	return NULL;
}

static void end_session(const struct run *run)
{
	json_decref(ask(run, json_pack("{s:s, s:i}", "op", "kill", "grace_s", 0)));
}

static uint64_t memory_of_session(const struct run *run)
{
	json_t *status = ask(run, json_pack("{s:s}", "op", "status"));
	json_int_t memory = json_integer_value(json_object_get(status, "memory"));
	json_decref(status);
	return (uint64_t)memory;
}

/* ---- a notice ---- */

static void fall_back(struct run *run)
{
	run_say(run, "the grace does not suffice for another image: %s stands", run->image);
	run->phase = RUN_FELL_BACK;
	end_session(run);
}

static double grace_left(const struct run *run)
{
	return run->noticed_at + run->options->grace_s - io_now();
}

/* With nothing to fall back on there is nothing to be lost by trying. */
static bool worth_trying(const struct run *run)
{
	return !run->image || figures_suffice(run->predicted_s, grace_left(run));
}

static void request_last_image(struct run *run)
{
	run->next_try = 0;
	run->fd = session_connect(run->session, NULL);
	if (run->fd >= 0)
		ctl_send(run->fd,
			json_pack("{s:s, s:i, s:b}", "op", "checkpoint", "ctl", CTL_VERSION, "stop",
				true),
			NULL);
}

/* What this job took, else what the user's other jobs took. */
static json_t *known_figures(const struct run *run, const char **basis)
{
	json_t *figures = figures_load(run->dir);
	*basis = "predicted";
	if (json_array_size(figures))
		return figures;
	json_decref(figures);
	scoped_free char *others = paths_state_dir(NULL);
	*basis = "as other jobs took";
	return others ? figures_load(others) : json_array();
}

static void predict(struct run *run, const char *notice)
{
	bool measured;
	const char *basis;
	json_t *figures = known_figures(run, &basis);
	uint64_t memory = memory_of_session(run);
	run->predicted_s = figures_predict(figures, memory, true, &measured);
	json_decref(figures);
	run_say(run, "notice (%s): a last image takes %.2f s (%s), the grace is %u s", notice,
		run->predicted_s, measured ? basis : "guessed", run->options->grace_s);
}

static void take_notice(struct run *run, const char *notice)
{
	run->noticed = true;
	run->noticed_at = io_now();
	predict(run, notice);
	run->phase = RUN_STOPPING;
	if (worth_trying(run))
		request_last_image(run);
	else
		fall_back(run);
}

static bool on_signal(void *data, int number)
{
	char name[16];
	struct run *run = data;
	if (!sigismember(&run->options->notices, number))
		return false;
	snprintf(name, sizeof(name), "SIG%s", sigabbrev_np(number));
	if (run->phase == RUN_GOING)
		take_notice(run, name);
	return true;
}

/* Taken once: it stays where it is, also when no image could be taken. */
static void look_for_notice(struct run *run)
{
	const char *file = run->options->notice_file;
	run->next_look = io_now() + LOOK_S;
	if (run->phase != RUN_GOING || run->file_seen || access(file, F_OK) < 0)
		return;
	run->file_seen = true;
	take_notice(run, file);
}

/* ---- a last image that could not be taken ---- */

static void give_up(struct run *run)
{
	if (run->image) {
		fall_back(run);
		return;
	}
	run_say(run, "no image could be taken within the grace; the command goes on");
	run->noticed = false;
	run->phase = RUN_GOING;
}

static void on_trouble(struct run *run, const struct err *err)
{
	if (strcmp(run->trouble, err->text))
		run_say(run, "no image yet: %s", err->text);
	snprintf(run->trouble, sizeof(run->trouble), "%s", err->text);
	if (lease_renew(&run->lease, NULL) < 0)
		run->next_renewal = 0;
	else if (grace_left(run) > 0 && worth_trying(run))
		run->next_try = io_now() + RETRY_S;
	else
		give_up(run);
}

static void on_ready(void *data)
{
	struct run *run = data;
	struct err err = ERR_INIT;
	json_t *message = ctl_receive(run->fd, NULL);
	bool failed = message && ctl_check(message, &err) < 0;
	bool over = !message || failed || ctl_is(message, "event", "done");
	json_decref(message);
	if (over)
		close(steal_fd(&run->fd));
	if (failed)
		on_trouble(run, &err);
}

/* ---- images that were kept ---- */

static void say_stopped(const struct run *run, const json_t *kept)
{
	char size[32];
	double bytes = json_number_value(json_object_get(kept, "stored_bytes"));
	run_say(run, "checkpointed in %.2f s, %s: %s",
		json_number_value(json_object_get(kept, "durable_s")),
		cmd_format_bytes(size, bytes), run->image);
}

static int note_figures(const struct run *run, const json_t *kept, struct err *err)
{
	scoped_free char *others = paths_state_dir(NULL);
	if (others)
		figures_add(others, kept, NULL);
	return figures_add(run->dir, kept, err);
}

static void on_kept(struct run *run, const json_t *kept)
{
	struct err err = ERR_INIT;
	const char *path = json_string_value(json_object_get(kept, "path"));
	free(run->image);
	run->image = path ? strdup(path) : NULL;
	if (json_is_true(json_object_get(kept, "stop")))
		say_stopped(run, kept);
	if (lease_renew(&run->lease, NULL) < 0)
		run->next_renewal = 0; /* what lies in the folder is another's now */
	else if (note_figures(run, kept, &err) < 0 ||
		run_images_prune(run->dir, RUN_IMAGES_KEPT, &err) < 0)
		run_say(run, "%s", err.text);
}

static json_t *inner(const struct run *run, const char *object, const char *name)
{
	return json_object_get(json_object_get(run->from, object), name);
}

static void on_started(struct run *run, const json_t *started)
{
	if (!run->from) {
		run_say(run, "launched %s, with no image in %s", run->options->command[0],
			run->dir);
		return;
	}
	run_say(run, "restored %s of generation %d, taken on %s, in %.2f s", run->image,
		(int)json_integer_value(inner(run, "session", "generation")),
		json_string_value(inner(run, "host", "hostname")),
		json_number_value(json_object_get(started, "restore_s")));
}

static void on_event(void *data, const json_t *event)
{
	if (ctl_is(event, "event", "started"))
		on_started(data, event);
	if (ctl_is(event, "event", "kept"))
		on_kept(data, event);
}

/* ---- what is due ---- */

/* Said once each time: the storage may come back, and what a server of NFS answers late is late for
 * the command as well. */
static void watch_storage(struct run *run)
{
	bool lost = io_now() - run->lease.renewed_at > LEASE_STALE_S;
	if (lost && !run->storage_lost)
		run_say(run,
			"the lease in %s could not be renewed for %d s (is the storage there?): a "
			"run on another host may take the job over",
			run->dir, LEASE_STALE_S);
	run->storage_lost = lost;
}

static void renew(struct run *run)
{
	struct err err = ERR_INIT;
	run->next_renewal = io_now() + LEASE_RENEW_S;
	if (run->phase == RUN_OVERTAKEN)
		return;
	int result = lease_renew(&run->lease, &err);
	watch_storage(run);
	if (result == 0)
		return;
	run_say(run, "%s: this copy ends", err.text);
	run->phase = RUN_OVERTAKEN;
	end_session(run);
}

static double next_turn(const struct run *run)
{
	double next = run->next_renewal;
	if (run->next_try && run->next_try < next)
		next = run->next_try;
	if (run->options->notice_file && run->next_look < next)
		next = run->next_look;
	return next;
}

static double on_turn(void *data)
{
	struct run *run = data;
	double now = io_now();
	if (now >= run->next_renewal)
		renew(run);
	if (run->next_try && now >= run->next_try)
		request_last_image(run);
	if (run->options->notice_file && now >= run->next_look)
		look_for_notice(run);
	return next_turn(run) - now;
}

struct front_hooks run_notice_hooks(struct run *run)
{
	return (struct front_hooks){run, on_signal, on_event, on_turn, &run->fd, on_ready};
}
