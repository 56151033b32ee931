#define _GNU_SOURCE
#include "xdetach/doctor/smoke.h"

#include "base/io.h"
#include "xdetach/doctor/specimen.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#define COMMAND_SECONDS 30
#define STEP_SECONDS 10
#define STEPS_BEFORE 5
#define STEPS_AFTER 5

#define SESSION "smoke"

static int make_folders(const char *dir, struct err *err)
{
	static const char *const names[] = {"run", "state", "images", "work"};
	for (size_t i = 0; i < array_len(names); i++) {
		scoped_free char *path = paths_format(err, "%s/%s", dir, names[i]);
		if (!path || io_make_dirs(path, 0700, err) < 0)
			return -1;
	}
	return 0;
}

/* In the child: everything of this session lies in `dir`. */
static void set_environment(const char *dir, const char *criu)
{
	static const struct {
		const char *variable, *folder;
	} places[] = {{"XDG_RUNTIME_DIR", "run"}, {"XDG_STATE_HOME", "state"},
		{"GLCKPT_IMAGE_DIR", "images"}};
	for (size_t i = 0; i < array_len(places); i++) {
		scoped_free char *path = paths_format(NULL, "%s/%s", dir, places[i].folder);
		if (path)
			setenv(places[i].variable, path, 1);
	}
	setenv("GLCKPT_CRIU", criu, 1);
}

static void run_command(const char *dir, const char *criu, const char *errors, char *const *argv)
{
	scoped_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	scoped_fd int file = open(errors, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(file, STDERR_FILENO);
	set_environment(dir, criu);
	execv("/proc/self/exe", argv);
	_exit(127);
}

/* The exit status of `pid`, or -1 when it was killed or had to be. */
static int wait_or_kill(pid_t pid)
{
	scoped_fd int fd = pidfd_open(pid, 0);
	struct pollfd ended = {.fd = fd, .events = POLLIN};
	if (poll(&ended, 1, COMMAND_SECONDS * 1000) != 1)
		kill(pid, SIGKILL);
	int status;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What the command said of itself, without the "glckpt: " in front. */
static int complain(const char *errors, int status, struct err *err)
{
	static const char name[] = "glckpt: ";
	scoped_buf struct buf text = BUF_INIT;
	if (status < 0)
		return err_set(err, "killed after %d s", COMMAND_SECONDS);
	if (io_read_file(AT_FDCWD, errors, &text, 65536, NULL) < 0 || !text.size)
		return err_set(err, "ended with %d", status);
	text.data[text.size - 1] = '\0';
	const char *line = strrchr(text.data, '\n');
	line = line ? line + 1 : text.data;
	if (!strncmp(line, name, sizeof(name) - 1))
		line += sizeof(name) - 1;
	return err_set(err, "%s", line);
}

struct smoke {
	char dir[32];
	const char *criu;
	char *exe, *work, *image; /* heap */
};

/* Runs glckpt with these arguments. */
static int glckpt(const struct smoke *smoke, const char *const *arguments, struct err *err)
{
	scoped_free char *errors = paths_format(err, "%s/errors", smoke->dir);
	if (!errors)
		return -1;
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid == 0)
		run_command(smoke->dir, smoke->criu, errors, (char *const *)arguments);
	int status = wait_or_kill(pid);
	return status == 0 ? 0 : complain(errors, status, err);
}

/* ---- the acts ---- */

static int launch(const struct smoke *smoke, struct err *err)
{
	scoped_free char *xvfb = paths_program("Xvfb");
	const char *const arguments[] = {"glckpt", "launch", "-d", "--name", SESSION,
		xvfb ? "--xserver=xvfb" : "--no-display", "--", smoke->exe, "doctor", "--specimen",
		smoke->work, NULL};
	return glckpt(smoke, arguments, err);
}

static int checkpoint(const struct smoke *smoke, struct err *err)
{
	const char *const arguments[] = {
		"glckpt", "checkpoint", "--stop", "-o", smoke->image, SESSION, NULL};
	return glckpt(smoke, arguments, err);
}

static int restore(const struct smoke *smoke, struct err *err)
{
	const char *const arguments[] = {
		"glckpt", "restore", "-d", "--name", SESSION, smoke->image, NULL};
	return glckpt(smoke, arguments, err);
}

static void kill_session(const struct smoke *smoke)
{
	const char *const arguments[] = {"glckpt", "kill", SESSION, NULL};
	glckpt(smoke, arguments, NULL);
}

/* Waits until the specimen has counted beyond `beyond`; `count` is then where it is. */
static int wait_for_count(const struct smoke *smoke, long beyond, long *count, struct err *err)
{
	double end = io_now() + STEP_SECONDS;
	for (;;) {
		if (specimen_count(smoke->work, count, err) < 0)
			return -1;
		if (*count > beyond)
			return 0;
		if (io_now() > end)
			return err_set(err, "it does not run: no step in %d s", STEP_SECONDS);
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
}

/* The clock of the specimen's file counts on from where the checkpoint left it. */
static int play(const struct smoke *smoke, struct err *err)
{
	long count;
	if (launch(smoke, err) < 0 || wait_for_count(smoke, STEPS_BEFORE, &count, err) < 0)
		return err_context(err, "launch");
	if (checkpoint(smoke, err) < 0)
		return err_context(err, "checkpoint");
	if (specimen_count(smoke->work, &count, err) < 0)
		return -1;
	if (restore(smoke, err) < 0 || wait_for_count(smoke, count + STEPS_AFTER, &count, err) < 0)
		return err_context(err, "restore");
	return 0;
}

static int prepare(struct smoke *smoke, struct err *err)
{
	char *made = mkdtemp(smoke->dir);
	if (!made)
		return err_errno(err, "a folder in /tmp");
	smoke->exe = realpath("/proc/self/exe", NULL);
	smoke->work = paths_format(err, "%s/work", smoke->dir);
	smoke->image = paths_format(err, "%s/images/smoke", smoke->dir);
	if (!smoke->exe || !smoke->work || !smoke->image)
		return err_set(err, "out of memory");
	return make_folders(smoke->dir, err);
}

int smoke_run(const char *criu, struct err *err)
{
	struct smoke smoke = {.dir = "/tmp/glckpt-smoke-XXXXXX", .criu = criu};
	int result = prepare(&smoke, err);
	if (result == 0) {
		result = play(&smoke, err);
		kill_session(&smoke);
	}
	io_remove_tree(AT_FDCWD, smoke.dir, NULL);
	free(smoke.exe);
	free(smoke.work);
	free(smoke.image);
	return result;
}
