#define _GNU_SOURCE
#include "xdetach/web/action.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define OUTPUT_MAX (64u << 20)

extern char **environ;

/* Both outputs are files in memory: nobody has to read while the command runs. */
struct outputs {
	int out, err;
};

static void outputs_finish(struct outputs *outputs)
{
	if (outputs->out >= 0)
		close(outputs->out);
	if (outputs->err >= 0)
		close(outputs->err);
}

static int outputs_init(struct outputs *outputs, struct err *err)
{
	outputs->out = memfd_create("glckpt-web-out", MFD_CLOEXEC);
	outputs->err = memfd_create("glckpt-web-err", MFD_CLOEXEC);
	return outputs->out < 0 || outputs->err < 0 ? err_errno(err, "memfd_create") : 0;
}

static pid_t spawn(const char *glckpt, const char *const *words, const struct outputs *outputs)
{
	const char *argv[ACTION_WORDS + 2] = {"glckpt"};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, broken_pipe;
	pid_t pid = -1;
	for (size_t i = 0; i < ACTION_WORDS && words[i]; i++)
		argv[i + 1] = words[i];
	sigemptyset(&none);
	sigemptyset(&broken_pipe);
	sigaddset(&broken_pipe, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, outputs->out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, outputs->err, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
	errno = posix_spawn(&pid, glckpt, &files, &attributes, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return errno ? -1 : pid;
}

static int await(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

/* The last line is the sentence that glckpt ends with. */
static int say_why(int fd, int status, struct err *err)
{
	scoped_buf struct buf text = BUF_INIT;
	lseek(fd, 0, SEEK_SET);
	if (io_read_all(fd, &text, OUTPUT_MAX, err) < 0)
		return -1;
	while (text.size && text.data[text.size - 1] == '\n')
		text.data[--text.size] = '\0';
	const char *line = text.size ? strrchr(text.data, '\n') : NULL;
	line = line ? line + 1 : text.data;
	if (line && *line)
		return err_set(err, "%s", strncmp(line, "glckpt: ", 8) ? line : line + 8);
	if (WIFSIGNALED(status))
		return err_set(err, "glckpt was ended by signal %d", WTERMSIG(status));
	return err_set(err, "glckpt ended with status %d", WEXITSTATUS(status));
}

int action_run(const char *glckpt, const char *const *words, struct buf *out, struct err *err)
{
	scoped(outputs_finish) struct outputs outputs = {-1, -1};
	if (outputs_init(&outputs, err) < 0)
		return -1;
	pid_t pid = spawn(glckpt, words, &outputs);
	if (pid < 0)
		return err_errno(err, "%s", glckpt);
	int status = await(pid);
	if (status != 0)
		return say_why(outputs.err, status, err);
	lseek(outputs.out, 0, SEEK_SET);
	return io_read_all(outputs.out, out, OUTPUT_MAX, err);
}
