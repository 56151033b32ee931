#define _GNU_SOURCE
#include "xdetach/batch/run.h"

#include "base/io.h"
#include "xdetach/batch/run-images.h"
#include "xdetach/batch/run-notice.h"
#include "xdetach/image/image.h"
#include "xdetach/image/part.h"
#include "xdetach/paths.h"
#include "xdetach/session/plan.h"
#include "xdetach/session/start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* From this status on a command did not end by itself: 128 + a signal. */
#define KILLED 128

/* Before a session runs. */
static bool is_noticed(const void *data)
{
	sigset_t pending;
	const struct run_options *options = data;
	sigpending(&pending);
	sigandset(&pending, &pending, &options->notices);
	return !sigisemptyset(&pending) ||
		(options->notice_file && access(options->notice_file, F_OK) == 0);
}

/* ---- the session ---- */

static void bind(struct run *run, struct plan *plan)
{
	plan->bound = true;
	plan->fence = (struct lease_fence){run->dir, run->lease.token};
	json_object_set_new(plan->description, "run",
		json_pack("{s:I, s:s?}", "token", (json_int_t)run->lease.token, "job",
			run->scheduler.job));
	run->session = plan->session.name;
	run->phase = RUN_GOING;
	run->noticed = false;
}

/* In front of a session until it ends; its status, or -1 when it never ran (`ran` false). */
static int live(struct run *run, struct making *making, struct start *start, struct err *err)
{
	const struct front_hooks hooks = run_notice_hooks(run);
	bind(run, &making->plan);
	start->plan = &making->plan;
	start->clock = making->clock;
	start->hooks = &hooks;
	int status = start_session(start, err);
	if (run->fd >= 0)
		close(steal_fd(&run->fd));
	return status;
}

/* ---- temporary files ---- */

static char *temporary_dir(const struct run *run, struct err *err)
{
	return paths_format(err, "%s/tmp", run->dir);
}

/* What a command leaves in the /tmp of a node is not there on the next one. */
static int give_temporary_dir(const struct run *run, struct err *err)
{
	static const char *const names[] = {"TMPDIR", "TMP", "TEMP"};
	scoped_free char *path = temporary_dir(run, err);
	if (!path || io_make_dirs(path, 0700, err) < 0)
		return -1;
	for (size_t i = 0; i < array_len(names); i++)
		if ((i == 0 || getenv(names[i])) && setenv(names[i], path, 1) < 0)
			return err_errno(err, "%s", names[i]);
	return 0;
}

static int remove_temporary_dir(const struct run *run, struct err *err)
{
	scoped_free char *path = temporary_dir(run, err);
	if (!path)
		return -1;
	return access(path, F_OK) < 0 ? 0 : io_remove_tree(AT_FDCWD, path, err);
}

/* ---- how it ended ---- */

static void forget_job(struct run *run)
{
	struct err err = ERR_INIT;
	scoped_free char *figures = paths_format(NULL, "%s/figures.json", run->dir);
	if (run_images_prune(run->dir, 0, &err) < 0 || image_part_sweep_job(run->dir, &err) < 0 ||
		remove_temporary_dir(run, &err) < 0)
		run_say(run, "%s", err.text);
	if (figures)
		unlink(figures);
	lease_remove(&run->lease);
	rmdir(run->dir);
}

static int end_again(struct run *run)
{
	struct err err = ERR_INIT;
	int status = run->options->again_status;
	lease_release(&run->lease);
	if (!run->options->requeue) {
		run_say(run, "to be started again: ending with status %d", status);
		return status;
	}
	if (scheduler_requeue(&run->scheduler, &err) < 0)
		run_say(run, "not requeued: %s; ending with status %d", err.text, status);
	else
		run_say(run, "requeued");
	return status;
}

/* Nothing was lost: the image of the run before stands. */
static int end_unbegun(struct run *run, struct err *err)
{
	run_say(run, "%s", err->text);
	*err = (struct err)ERR_INIT;
	return end_again(run);
}

static int end_for_good(struct run *run, int status)
{
	if (status >= KILLED) {
		run_say(run, "the command was killed (status %d)%s%s", status,
			run->image ? "; to be started again from " : "",
			run->image ? run->image : "");
		return status;
	}
	run_say(run, "the command has ended with status %d", status);
	if (!run->options->keep_image)
		forget_job(run);
	return status;
}

/* What lies in the folder is another's then, the end of this copy's command notwithstanding. */
static bool is_overtaken(struct run *run)
{
	return run->phase == RUN_OVERTAKEN || lease_renew(&run->lease, NULL) < 0;
}

static int conclude(struct run *run, const struct start *start, int status, struct err *err)
{
	if (is_overtaken(run)) {
		run->lease.lost = true;
		return err_set_status(err, STATUS_GLCKPT, "a later run goes on with this job");
	}
	if (start->checkpointed || run->phase == RUN_FELL_BACK)
		return end_again(run);
	/* The signal that announced the end may have reached the command as well. */
	if (run->noticed && status != 0) {
		run_say(run, "the command ended (status %d) before an image could be taken",
			status);
		return end_again(run);
	}
	return status < 0 ? status : end_for_good(run, status);
}

/* ---- taking up or launching ---- */

static int launch(struct run *run, struct err *err)
{
	const struct plan_launch options = {
		.command = run->options->command,
		.image_dir = run->dir,
		.every_s = run->options->every_s,
	};
	struct start start = {0};
	scoped(plan_finish) struct making making = {0};
	if (!run->options->node_tmp && give_temporary_dir(run, err) < 0)
		return -1;
	if (plan_launch(&making, &options, err) < 0)
		return -1;
	run->from = NULL;
	int status = live(run, &making, &start, err);
	return start.ran ? conclude(run, &start, status, err) : -1;
}

static int restore_image(
	struct run *run, const struct image *image, struct start *start, struct err *err)
{
	const struct plan_restore options = {
		.image = image,
		.name = plan_session_name(),
		.image_dir = run->dir,
		.every_s = &run->options->every_s,
		.files = FILES_REWIND,
	};
	scoped(plan_finish) struct making making = {0};
	if (plan_restore(&making, &options, err) < 0)
		return -1;
	run->from = image->manifest;
	free(run->image);
	run->image = strdup(image->path);
	return live(run, &making, start, err);
}

/* False when this image cannot be taken up; `status` where it ran. */
static bool try_image(struct run *run, const char *path, int *status, struct err *err)
{
	struct image image = {0};
	struct start start = {0};
	struct err why = ERR_INIT;
	*status = image_open(&image, path, &why);
	if (*status == 0)
		*status = restore_image(run, &image, &start, &why);
	image_close(&image);
	if (start.ran && err_is_set(&why))
		err_set_status(err, why.status, "%s", why.text);
	if (start.ran)
		*status = conclude(run, &start, *status, err);
	else
		run_say(run, "%s", why.text);
	return start.ran;
}

static int take_up(struct run *run, const struct run_images *images, struct err *err)
{
	int status = -1;
	for (size_t i = 0; i < images->count; i++)
		if (try_image(run, images->list[i].path, &status, err))
			return status;
	return err_set(err,
		"none of the images in %s can be taken up here; without them (remove the folder) "
		"the command would start from its beginning",
		run->dir);
}

static int take_up_or_launch(struct run *run, struct err *err)
{
	scoped(run_images_finish) struct run_images images = {0};
	if (image_part_sweep_job(run->dir, err) < 0 || run_images_find(&images, run->dir, err) < 0)
		return -1;
	if (is_noticed(run->options)) {
		run_say(run, "not started: a notice was there already");
		return end_again(run);
	}
	return images.count ? take_up(run, &images, err) : launch(run, err);
}

/* ---- the job ---- */

static int hold_and_run(struct run *run, struct err *err)
{
	const struct lease_claim claim = {
		run->scheduler.job, run->scheduler.start, LEASE_STALE_S, is_noticed, run->options};
	if (lease_take(&run->lease, run->dir, &claim, err) < 0)
		return is_noticed(run->options) ? end_unbegun(run, err) : -1;
	int status = take_up_or_launch(run, err);
	lease_release(&run->lease);
	free(run->image);
	return status;
}

int run_job(const struct run_options *options, struct err *err)
{
	struct run run = {.options = options, .fd = -1};
	front_block_signals();
	scheduler_init(&run.scheduler);
	if (io_make_dirs(options->dir, 0700, err) < 0)
		return -1;
	scoped_free char *dir = realpath(options->dir, NULL);
	run.dir = dir;
	return dir ? hold_and_run(&run, err) : err_errno(err, "%s", options->dir);
}
