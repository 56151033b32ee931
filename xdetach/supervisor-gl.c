#define _GNU_SOURCE
#include "xdetach/supervisor-state.h"

#include "base/io.h"
#include "xdetach/environment.h"
#include "xdetach/namespace.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define GL_DIR NAMESPACE_PRIVATE "/gl"
#define GL_START_S 10

extern char **environ;

/* The proxies render for the session but with the caller's drivers: their environment is the
 * caller's, with the session's display. */
static void set_environment(const struct plan *plan)
{
	static const char *const display[] = {"DISPLAY", "XAUTHORITY"};
	for (size_t i = 0; i < array_len(display); i++) {
		const char *value = environment_get(plan->environment, display[i]);
		if (value)
			setenv(display[i], value, 1);
		else
			unsetenv(display[i]);
	}
}

static void become_glproxy(const struct supervisor *supervisor, const char *program)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(supervisor->log.fd, STDERR_FILENO);
	set_environment(supervisor->plan);
	const char *const argv[] = {
		"glproxy", "--listen", ENVIRONMENT_GL_SOCKET, "--dir", GL_DIR, NULL};
	execve(program, (char *const *)argv, environ);
	_exit(STATUS_NOT_FOUND);
}

static int wait_for_socket(pid_t pid, struct err *err)
{
	double end = io_now() + GL_START_S;
	while (access(ENVIRONMENT_GL_SOCKET, F_OK) < 0) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return err_set(err, "glproxy ended while it started (see `glckpt logs`)");
		if (io_now() > end)
			return err_set(err, "glproxy did not start within %d seconds", GL_START_S);
		usleep(1000);
	}
	return 0;
}

int gl_start(struct supervisor *supervisor, struct err *err)
{
	scoped_free char *program = paths_helper("bin/glproxy", err);
	if (!program)
		return -1;
	if (mkdir(GL_DIR, 0700) < 0)
		return err_errno(err, GL_DIR);
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid == 0)
		become_glproxy(supervisor, program);
	supervisor->gl = pid;
	return wait_for_socket(pid, err);
}
