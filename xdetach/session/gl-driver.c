#define _GNU_SOURCE
#include "xdetach/session/gl-driver.h"

#include "base/io.h"
#include "base/scope.h"
#include "wire/config.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

bool gl_profile_is_name(const char *name)
{
	static const char *const names[] = {WIRE_PROFILES};
	for (size_t i = 0; i < array_len(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* What it says on `stream` comes out of the descriptor; the other one is the caller's, or silent.
 */
static int spawn(const char *option, const char *argument, int stream, pid_t *pid, struct err *err)
{
	const char *const argv[] = {"glproxy", option, argument, NULL};
	posix_spawn_file_actions_t files;
	int pipe[2];
	scoped_free char *program = paths_helper("bin/glproxy", err);
	if (!program)
		return -1;
	if (pipe2(pipe, O_CLOEXEC))
		return err_errno(err, "pipe");
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (stream == STDOUT_FILENO)
		posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, pipe[1], stream);
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	errno = posix_spawn(pid, program, &files, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	close(pipe[1]);
	if (!errno)
		return pipe[0];
	close(pipe[0]);
	*pid = 0;
	return err_errno(err, "%s", program);
}

static int await(pid_t pid)
{
	int status = -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* ---- checking ---- */

int gl_check_begin(struct gl_check *check, const char *image, struct err *err)
{
	*check = (struct gl_check){.sentence = -1};
	scoped_free char *snapshots = paths_format(err, "%s/gl", image);
	if (!snapshots)
		return -1;
	if (access(snapshots, F_OK) < 0)
		return 0;
	check->sentence = spawn("--check", snapshots, STDERR_FILENO, &check->pid, err);
	return check->sentence < 0 ? -1 : 0;
}

/* The sentence is the last line; drivers may have written before it. */
static const char *last_line(char *text)
{
	char *end = strchr(text, '\0');
	while (end > text && end[-1] == '\n')
		*--end = '\0';
	const char *line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

int gl_check_end(struct gl_check *check, struct err *err)
{
	scoped_buf struct buf said = BUF_INIT;
	if (!check->pid)
		return 0;
	io_read_all(check->sentence, &said, 65536, NULL);
	close(check->sentence);
	const int status = await(check->pid);
	check->pid = 0;
	buf_append(&said, "", 1);
	if (status == 0)
		return 0;
	return err_set(err, "%s",
		!buf_failed(&said) && said.size > 1
			? last_line(said.data)
			: "the OpenGL driver here dies when it is tried");
}

/* ---- describing ---- */

static json_t *ask(const char *option, const char *argument, struct err *err)
{
	pid_t pid;
	scoped_buf struct buf said = BUF_INIT;
	scoped_fd int out = spawn(option, argument, STDOUT_FILENO, &pid, err);
	if (out < 0)
		return NULL;
	io_read_all(out, &said, 65536, NULL);
	const int status = await(pid);
	json_t *answer =
		status || buf_failed(&said) ? NULL : json_loadb(said.data, said.size, 0, NULL);
	if (!answer)
		err_set(err, "no OpenGL driver can be opened");
	return answer;
}

json_t *gl_driver_here(struct err *err)
{
	return ask("--describe", NULL, err);
}

json_t *gl_driver_of(const char *image)
{
	scoped_free char *snapshots = paths_format(NULL, "%s/gl", image);
	return snapshots && access(snapshots, F_OK) == 0 ? ask("--told", snapshots, NULL) : NULL;
}
