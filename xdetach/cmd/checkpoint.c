#define _GNU_SOURCE
#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int option_stop, option_wait, option_close_tcp, option_json;
static char *option_output;

static const struct poptOption options[] = {
	{"stop", '\0', POPT_ARG_NONE, &option_stop, 0, "end the session once the image is durable",
		NULL},
	{"output", 'o', POPT_ARG_STRING, &option_output, 0, "path of the new image", "IMAGE"},
	{"wait", '\0', POPT_ARG_NONE, &option_wait, 0, "return when the image is durable", NULL},
	{"close-tcp", '\0', POPT_ARG_NONE, &option_close_tcp, 0,
		"established TCP connections are found closed after a restore", NULL},
	{"json", '\0', POPT_ARG_NONE, &option_json, 0, "print JSON, with times and sizes", NULL},
	POPT_TABLEEND,
};

/* The absolute path of an image that does not exist yet, in a folder that does. */
static char *absolute_path(const char *path, struct err *err)
{
	scoped_free char *copy = paths_format(err, "%s", path);
	if (!copy)
		return NULL;
	for (size_t end = strlen(copy); end > 1 && copy[end - 1] == '/'; end--)
		copy[end - 1] = '\0';
	char *slash = strrchr(copy, '/');
	const char *base = slash ? slash + 1 : copy;
	if (slash)
		*slash = '\0';
	const char *folder = !slash ? "." : *copy ? copy : "/";
	scoped_free char *dir = realpath(folder, NULL);
	if (!dir) {
		err_errno(err, "%s", folder);
		return NULL;
	}
	if (access(path, F_OK) == 0) {
		err_set(err, "%s exists; an image is never overwritten", path);
		return NULL;
	}
	return paths_format(err, "%s/%s", strcmp(dir, "/") ? dir : "", base);
}

static json_t *request(const char *path)
{
	return json_pack("{s:s, s:i, s:b, s:b, s:b, s:s?, s:s?}", "op", "checkpoint", "ctl",
		CTL_VERSION, "stop", option_stop, "wait", option_wait || option_json, "close_tcp",
		option_close_tcp, "path", path, "fail", getenv("GLCKPT_FAIL"));
}

static void show_phase(const json_t *message)
{
	const char *phase = json_string_value(json_object_get(message, "phase"));
	char size[32];
	double bytes = json_number_value(json_object_get(message, "bytes"));
	if (phase && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s %s \033[K", !strcmp(phase, "dump") ? "dumping" : "storing",
			cmd_format_bytes(size, bytes));
}

/* The message that ends the wait, or NULL with the error. */
static json_t *await(int fd, struct err *err)
{
	bool durable = option_wait || option_stop || option_json;
	for (;;) {
		json_t *message = ctl_receive(fd, err);
		if (!message) {
			err_set(err, "the session ended before the image was durable");
			return NULL;
		}
		bool over = ctl_is(message, "event", "done") ||
			(!durable && ctl_is(message, "event", "thawed"));
		if (over)
			return message;
		show_phase(message);
		int failed = ctl_check(message, err);
		json_decref(message);
		if (failed < 0)
			return NULL;
	}
}

static int print_result(json_t *message, struct err *err)
{
	if (option_json) {
		json_object_del(message, "event");
		return cmd_print_json(json_incref(message), err);
	}
	puts(json_string_value(json_object_get(message, "path")));
	return cmd_flush(err);
}

static int run(const char **arguments, struct err *err)
{
	scoped_free char *path = option_output ? absolute_path(option_output, err) : NULL;
	if (option_output && !path)
		return -1;
	scoped_fd int fd = session_connect(arguments[0], err);
	if (fd < 0 || ctl_send(fd, request(path), err) < 0)
		return -1;
	json_t *message = await(fd, err);
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (!message)
		return -1;
	int status = print_result(message, err);
	json_decref(message);
	if (option_stop)
		session_wait_gone(arguments[0], 10);
	return status;
}

const struct cmd cmd_checkpoint = {
	.name = "checkpoint",
	.arguments = "SESSION",
	.summary = "keep a session as an image, and print the image's path",
	.details =
		"Without --stop the program goes on at once, and the image becomes durable behind "
		"its back;\n--wait returns only then. With --stop the session ends once the image "
		"is durable; if that\nfails, it goes on.",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
