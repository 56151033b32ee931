#define _GNU_SOURCE
#include "xdetach/cmd-listen.h"
#include "xdetach/cmd.h"
#include "xdetach/paths.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static struct cmd_listen option_listen;
static char *option_port;
static const char **option_dirs;
static int option_json;

static const struct poptOption options[] = {
	{"port", '\0', POPT_ARG_STRING, &option_port, 0, "listen on this port (else any)", "PORT"},
	CMD_LISTEN_OPTIONS(option_listen),
	{"images", '\0', POPT_ARG_ARGV, &option_dirs, 0,
		"show the images of this folder, too; may be repeated", "DIR"},
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "print JSON instead of a line", NULL},
	POPT_TABLEEND,
};

static int check_options(struct err *err)
{
	if (option_port && cmd_listen_parse_port(option_port, err) < 0)
		return -1;
	return cmd_listen_check(&option_listen, err);
}

static size_t count_dirs(void)
{
	size_t count = 0;
	while (option_dirs && option_dirs[count])
		count++;
	return count;
}

static int become_server(const char *program, const char *self, struct err *err)
{
	size_t count = count_dirs();
	const char **argv = calloc(count + 8, sizeof(*argv));
	if (!argv)
		return err_set(err, "out of memory");
	const struct cmd_listen *listen = &option_listen;
	const char *fixed[] = {"glckpt-web", self, listen->address, option_port ? option_port : "0",
		listen->certificate ? listen->certificate : "", listen->key ? listen->key : "",
		option_json ? "json" : "line"};
	memcpy(argv, fixed, sizeof(fixed));
	if (count)
		memcpy(argv + array_len(fixed), option_dirs, count * sizeof(*argv));
	execv(program, (char **)argv);
	return err_errno(err, "%s", program);
}

static int run(const char **arguments, struct err *err)
{
	char self[PATH_MAX];
	if (check_options(err) < 0)
		return -1;
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length < 0)
		return err_errno(err, "/proc/self/exe");
	self[length] = '\0';
	scoped_free char *program = paths_helper("glckpt-web", err);
	return program ? become_server(program, self, err) : -1;
}

const struct cmd cmd_web = {
	.name = "web",
	.summary = "show all sessions and images in a browser, with buttons",
	.details =
		"Prints an address that is good once, and serves it until it is interrupted. With "
		"--listen other\nmachines may come too, over TLS only.",
	.options = options,
	.max_arguments = 0,
	.run = run,
};
