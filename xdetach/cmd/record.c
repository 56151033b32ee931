#define _GNU_SOURCE
#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#define REPORT_FD 3
#define RATE_MAX 120

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

static void become_recorder(const struct recording *recording, const char *name)
{
	execl(recording->program, "glckpt-record", name, recording->dir, recording->ffmpeg,
		option_output, recording->rate, option_json ? "json" : "line", (char *)NULL);
}

/* ---- by itself ---- */

static void become_daemon(const struct recording *recording, const char *name, int to)
{
	scoped_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (dup2(to, REPORT_FD) >= 0 && close_range(REPORT_FD + 1, ~0u, 0) == 0)
		become_recorder(recording, name);
	dprintf(REPORT_FD, "%s: %s", recording->program, strerror(errno));
	_exit(STATUS_FAILED);
}

static int read_report(int fd, struct err *err)
{
	scoped_buf struct buf text = BUF_INIT;
	if (io_read_all(fd, &text, ERR_TEXT_MAX, err) < 0)
		return -1;
	if (text.data && !strcmp(text.data, "ok"))
		return 0;
	return err_set(err, "%s", text.data ? text.data : "the session ended");
}

static int print_started(pid_t pid, struct err *err)
{
	if (option_json)
		return cmd_print_json(
			json_pack("{s:i, s:s}", "pid", (int)pid, "file", option_output), err);
	printf("%d\n", (int)pid);
	return cmd_flush(err);
}

static int start_daemon(const struct recording *recording, const char *name, struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "pipe");
	pid_t pid = fork();
	if (pid == 0)
		become_daemon(recording, name, ends[1]);
	close(ends[1]);
	int result = pid < 0 ? err_errno(err, "fork") : read_report(ends[0], err);
	close(ends[0]);
	return result < 0 ? -1 : print_started(pid, err);
}

static int run(const char **arguments, struct err *err)
{
	scoped(recording_finish) struct recording recording = {0};
	if (check_options(err) < 0 || check_session(arguments[0], err) < 0 ||
		recording_init(&recording, arguments[0], err) < 0)
		return -1;
	if (option_detach)
		return start_daemon(&recording, arguments[0], err);
	close(REPORT_FD); /* what the caller left there is no report */
	become_recorder(&recording, arguments[0]);
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
