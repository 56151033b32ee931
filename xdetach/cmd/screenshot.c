#define _GNU_SOURCE
#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/image/image.h"
#include "xdetach/paths.h"
#include "xdetach/session/picture.h"
#include "xdetach/session/session.h"
#include "xdetach/session/xserver.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

/* A checkpoint of an ordinary session is over by then. */
#define ATTACH_S 2.0

static char *option_output;
static int option_width;

static const struct poptOption options[] = {
	{"output", 'o', POPT_ARG_STRING, &option_output, 0,
		"the PNG file to write; - for standard output", "FILE"},
	{"width", '\0', POPT_ARG_INT, &option_width, 0, "make it no wider than that", "PIXELS"},
	POPT_TABLEEND,
};

/* ---- of an image ---- */

static int copy_exactly(const char *from, struct err *err)
{
	scoped_buf struct buf picture = BUF_INIT;
	if (io_read_file(AT_FDCWD, from, &picture, 256 << 20, err) < 0)
		return -1;
	if (strcmp(option_output, "-"))
		return io_write_file(
			AT_FDCWD, option_output, picture.data, picture.size, 0644, err);
	if (io_write_full(STDOUT_FILENO, picture.data, picture.size) < 0)
		return err_errno(err, "standard output");
	return 0;
}

static int copy_picture(const char *path, struct err *err)
{
	struct image image = {0};
	if (image_open(&image, path, err) < 0)
		return -1;
	scoped_free char *from = paths_format(err, "%s/screen.png", image.path);
	image_close(&image);
	if (!from || access(from, R_OK) < 0)
		return err_set(err, "%s has no picture: its session had no display", path);
	if (!option_width)
		return copy_exactly(from, err);
	return picture_copy(from, option_output, (uint32_t)option_width, err);
}

/* ---- of a session ---- */

/*
 * Only who watches may connect to the private X server: a checkpoint waits until its watchers have
 * let go. The end of the connection to the supervisor says that we have.
 */
static int await_attach(int fd, const char *name, struct err *err)
{
	double until = io_now() + ATTACH_S;
	for (double left; (left = until - io_now()) > 0;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		json_t *message =
			poll(&wait, 1, (int)(left * 1000) + 1) > 0 ? ctl_receive(fd, err) : NULL;
		bool attached = message && ctl_is(message, "event", "attach");
		json_decref(message);
		if (attached || !message)
			return attached ? 0
					: err_set(err, "session %s is just busy; try again", name);
	}
	return err_set(err, "session %s is just busy; try again", name);
}

static int take_picture(const char *name, struct err *err)
{
	struct xserver server;
	scoped_free char *runs = paths_run_dir(err);
	scoped_free char *run_dir = runs ? paths_format(err, "%s/%s", runs, name) : NULL;
	scoped_fd int fd = run_dir ? session_connect(name, err) : -1;
	json_t *watching = fd >= 0 ? ctl_call(fd, json_pack("{s:s}", "op", "watch"), err) : NULL;
	if (!watching)
		return -1;
	xserver_from_json(&server, json_object_get(watching, "display"));
	json_decref(watching);
	if (server.number < 0)
		return err_set(err, "session %s has no display", name);
	if (await_attach(fd, name, err) < 0)
		return -1;
	alarm(XSERVER_TIMEOUT_MS / 1000 + 1);
	int result =
		xserver_screenshot(&server, run_dir, option_output, (uint32_t)option_width, err);
	if (result < 0 && strcmp(option_output, "-"))
		unlink(option_output);
	return result;
}

static int run(const char **arguments, struct err *err)
{
	if (!option_output)
		return err_set_status(err, STATUS_USAGE, "-o FILE is missing");
	if (option_width < 0 || option_width > PICTURE_WIDTH_MAX)
		return err_set_status(
			err, STATUS_USAGE, "--width is 1 to %d pixels", PICTURE_WIDTH_MAX);
	if (session_is_image(arguments[0]))
		return copy_picture(arguments[0], err);
	return take_picture(arguments[0], err);
}

const struct cmd cmd_screenshot = {
	.name = "screenshot",
	.arguments = "SESSION|IMAGE",
	.summary = "write what the private X server shows, or showed, as a PNG",
	.options = options,
	.min_arguments = 1,
	.max_arguments = 1,
	.run = run,
};
