#define _GNU_SOURCE
#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define FOLLOW_POLL_MS 100

static int option_follow;

static const struct poptOption options[] = {
	{"follow", 'f', POPT_ARG_NONE, &option_follow, 0, "go on until the session ends", NULL},
	POPT_TABLEEND,
};

static int copy_rest(int fd, struct err *err)
{
	char data[65536];
	for (ssize_t got; (got = read(fd, data, sizeof(data))) != 0;) {
		if (got < 0)
			return err_errno(err, "read");
		if (io_write_full(STDOUT_FILENO, data, (size_t)got) < 0)
			return err_errno(err, "standard output");
	}
	return 0;
}

/* The supervisor answers "wait" when the session has ended: until then its socket is silent. */
static int follow(const char *name, int log, struct err *err)
{
	scoped_fd int session = session_connect(name, NULL);
	if (session < 0)
		return 0;
	if (ctl_send(session, json_pack("{s:s}", "op", "wait"), err) < 0)
		return -1;
	struct pollfd wait = {.fd = session, .events = POLLIN};
	while (poll(&wait, 1, FOLLOW_POLL_MS) == 0)
		if (copy_rest(log, err) < 0)
			return -1;
	return copy_rest(log, err);
}

static int print_older(const char *path, struct err *err)
{
	scoped_free char *older = paths_format(err, "%s.1", path);
	scoped_fd int fd = older ? open(older, O_RDONLY | O_CLOEXEC) : -1;
	return fd < 0 ? 0 : copy_rest(fd, err);
}

static int run(const char **arguments, struct err *err)
{
	const char *name = arguments[0];
	scoped_free char *state = paths_state_dir(err);
	scoped_free char *path = state ? paths_format(err, "%s/%s.log", state, name) : NULL;
	if (!path)
		return -1;
	scoped_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, "no session is or was called %s", name);
	if (fd < 0)
		return err_errno(err, "%s", path);
	if (print_older(path, err) < 0 || copy_rest(fd, err) < 0)
		return -1;
	return option_follow ? follow(name, fd, err) : 0;
}

const struct cmd cmd_logs = {
	.name = "logs",
	.arguments = "SESSION",
	.summary = "print what a session wrote, also after its end",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
