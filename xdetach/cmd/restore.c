#include "xdetach/cmd.h"
#include "xdetach/session/plan.h"
#include "xdetach/session/start.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int option_detach, option_json, option_terminal;
static char *option_name, *option_image_dir, *option_every;
static const char *option_files = "rewind", *option_gl_lacking = "refuse";

static const struct poptOption options[] = {
	{"detach", 'd', POPT_ARG_NONE, &option_detach, 0,
		"return when it runs, and print the session's name", NULL},
	{"terminal", 't', POPT_ARG_NONE, &option_terminal, 0,
		"refuse an image whose session has no terminal", NULL},
	{"name", '\0', POPT_ARG_STRING, &option_name, 0, "name of the session", "NAME"},
	{"image-dir", '\0', POPT_ARG_STRING, &option_image_dir, 0,
		"folder for further images (else that of this one)", "DIR"},
	{"every", '\0', POPT_ARG_STRING, &option_every, 0,
		"take a checkpoint that often (else as before)", "TIME"},
	{"files", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_files, 0,
		"files open for writing: rewind, keep or refuse", "POLICY"},
	{"gl-lacking", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &option_gl_lacking, 0,
		"a driver without all that programs were told of OpenGL: refuse or accept",
		"POLICY"},
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "with -d: print JSON", NULL},
	POPT_TABLEEND,
};

/* ---- standard output that was a file ---- */

static bool is_file_at(int fd, const json_t *position, off_t *size)
{
	char link[64], path[4096];
	struct stat st;
	const char *wanted = json_string_value(json_object_get(position, "path"));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	if (!wanted || length < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	path[length] = '\0';
	*size = (off_t)json_integer_value(json_object_get(position, "size"));
	return !strcmp(path, wanted) && st.st_size > *size;
}

/* What was written there after the checkpoint will be written again. */
static void rewind_output(const struct image *image, const char *name, int fd)
{
	off_t size = 0;
	const json_t *stdio = json_object_get(image->manifest, "stdio");
	if (option_detach || !is_file_at(fd, json_object_get(stdio, name), &size))
		return;
	if (ftruncate(fd, size) == 0)
		lseek(fd, size, SEEK_SET);
}

/* ---- the session ---- */

static int print_started(const struct start *start, struct err *err)
{
	const char *name = start->plan->session.name;
	if (option_json)
		return cmd_print_json(
			json_pack("{s:s, s:f}", "name", name, "restore_s", start->restore_s), err);
	puts(name);
	return cmd_flush(err);
}

static int start_plan(struct plan *plan, const struct namespace_clock *clock, struct err *err)
{
	struct start start = {.plan = plan, .clock = *clock, .detach = option_detach};
	rewind_output(plan->image, "stdout", STDOUT_FILENO);
	rewind_output(plan->image, "stderr", STDERR_FILENO);
	int status = start_session(&start, err);
	if (status == 0 && option_detach)
		return print_started(&start, err);
	return status;
}

static int check_and_start(const struct image *image, struct err *err)
{
	unsigned every_s;
	struct plan_restore restore = {
		.image = image,
		.name = option_name,
		.image_dir = option_image_dir,
		.every_s = option_every ? &every_s : NULL,
		.terminal = option_terminal,
	};
	if (files_policy_parse(option_files, &restore.files) < 0)
		return err_set_status(err, STATUS_USAGE,
			"'%s' is no policy for files: rewind, keep or refuse", option_files);
	restore.gl_lacking = !strcmp(option_gl_lacking, "accept");
	if (!restore.gl_lacking && strcmp(option_gl_lacking, "refuse") != 0)
		return err_set_status(err, STATUS_USAGE,
			"'%s' is no policy for OpenGL: refuse or accept", option_gl_lacking);
	if (option_every && cmd_parse_duration(option_every, &every_s, err) < 0)
		return -1;
	scoped(plan_finish) struct making making = {0};
	if (plan_restore(&making, &restore, err) < 0)
		return -1;
	return start_plan(&making.plan, &making.clock, err);
}

static int run(const char **arguments, struct err *err)
{
	struct image image = {0};
	int status = image_open(&image, arguments[0], err);
	if (status == 0)
		status = check_and_start(&image, err);
	image_close(&image);
	if (status < 0 && err->status == STATUS_FAILED)
		err->status = STATUS_GLCKPT;
	return status;
}

const struct cmd cmd_restore = {
	.name = "restore",
	.arguments = "IMAGE",
	.summary = "take an image up again",
	.details =
		"Everything is verified before anything is touched. In the foreground it passes "
		"signals on\nand ends with the program's status, or with 85 when the session was "
		"checkpointed again.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
