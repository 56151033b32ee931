#define _GNU_SOURCE
#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/helper.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"

#include <errno.h>
#include <string.h>

#define RATE_MAX 120
#define RECORDER_WORDS 8

static char *option_output;
static int option_rate = 25, option_detach, option_json;

static const struct poptOption options[] = {
	{"output", 'o', POPT_ARG_STRING, &option_output, 0,
		"the film: .mkv, .mp4, .webm, or what ffmpeg knows", "FILE"},
	{"rate", '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &option_rate, 0,
		"frames a second, always as many", "N"},
	{"detach", 'd', POPT_ARG_NONE, &option_detach, 0,
		"return when it records, and print its process id: `kill PID` ends the film", NULL},
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "print JSON instead of a line", NULL},
	POPT_TABLEEND,
};

struct recording {
	char *program, *ffmpeg, *dir;
	char rate[16];
};

static void recording_finish(struct recording *recording)
{
	free(recording->program);
	free(recording->ffmpeg);
	free(recording->dir);
}

static int check_options(struct err *err)
{
	if (!option_output)
		return err_set_status(err, STATUS_USAGE, "-o FILE is missing");
	if (option_rate < 1 || option_rate > RATE_MAX)
		return err_set_status(err, STATUS_USAGE, "--rate is 1 to %d", RATE_MAX);
	return 0;
}

/* What can be known before: it runs, and has a display. */
static int check_session(const char *name, struct err *err)
{
	scoped_fd int fd = session_connect(name, err);
	json_t *status = fd >= 0 ? ctl_call(fd, json_pack("{s:s}", "op", "status"), err) : NULL;
	if (!status)
		return -1;
	bool shows = json_is_object(json_object_get(status, "display"));
	json_decref(status);
	return shows ? 0 : err_set(err, "session %s has no display", name);
}

static int recording_init(struct recording *recording, const char *name, struct err *err)
{
	scoped_free char *runs = paths_run_dir(err);
	recording->program = paths_helper("glckpt-record", err);
	recording->dir = runs ? paths_format(err, "%s/%s", runs, name) : NULL;
	recording->ffmpeg = paths_program("ffmpeg");
	snprintf(recording->rate, sizeof(recording->rate), "%d", option_rate);
	if (!recording->program || !recording->dir)
		return -1;
	if (!recording->ffmpeg)
		return err_set(err, "ffmpeg is missing: install the package ffmpeg");
	return 0;
}

/* As glckpt-record wants them; `argv` has room for RECORDER_WORDS. */
static void recorder_argv(const struct recording *recording, const char *name, const char **argv)
{
	const char *const words[RECORDER_WORDS] = {"glckpt-record", name, recording->dir,
		recording->ffmpeg, option_output, recording->rate, option_json ? "json" : "line",
		NULL};
	memcpy(argv, words, sizeof(words));
}

/* ---- by itself ---- */

static int print_started(pid_t pid, struct err *err)
{
	if (option_json)
		return cmd_print_json(
			json_pack("{s:i, s:s}", "pid", (int)pid, "file", option_output), err);
	printf("%d\n", (int)pid);
	return cmd_flush(err);
}

static int start_daemon(const char *program, const char *const *argv, struct err *err)
{
	struct helper helper;
	if (helper_start(&helper, program, argv, -1, err) < 0)
		return -1;
	if (!strcmp(helper.report, "ok"))
		return print_started(helper.pid, err);
	return err_set(err, "%s", helper.report[0] ? helper.report : "the session ended");
}

static int run(const char **arguments, struct err *err)
{
	const char *argv[RECORDER_WORDS];
	scoped(recording_finish) struct recording recording = {0};
	if (check_options(err) < 0 || check_session(arguments[0], err) < 0 ||
		recording_init(&recording, arguments[0], err) < 0)
		return -1;
	recorder_argv(&recording, arguments[0], argv);
	if (option_detach)
		return start_daemon(recording.program, argv, err);
	close(HELPER_REPORT_FD); /* what the caller left there is no report */
	execv(recording.program, (char *const *)argv);
	return err_errno(err, "%s", recording.program);
}

const struct cmd cmd_record = {
	.name = "record",
	.arguments = "SESSION",
	.summary = "film a session, by ffmpeg, until Ctrl-C",
	.details =
		"The film's time is the session's: it stands still over a checkpoint, and from a "
		"stop to a restore\nunder the same name on this machine. It ends when the session "
		"does.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
