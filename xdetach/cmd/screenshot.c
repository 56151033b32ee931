#define _GNU_SOURCE
#include "base/io.h"
#include "wire/ctl.h"
#include "xdetach/cmd.h"
#include "xdetach/image/image.h"
#include "xdetach/paths.h"
#include "xdetach/session/session.h"
#include "xdetach/session/xserver.h"

#include <fcntl.h>
#include <signal.h>

static char *option_output;

static const struct poptOption options[] = {
	{"output", 'o', POPT_ARG_STRING, &option_output, 0, "the PNG file to write", "FILE"},
	POPT_TABLEEND,
};

static int copy_picture(const char *path, struct err *err)
{
	scoped_buf struct buf picture = BUF_INIT;
	struct image image = {0};
	if (image_open(&image, path, err) < 0)
		return -1;
	scoped_free char *from = paths_format(err, "%s/screen.png", image.path);
	image_close(&image);
	if (!from || access(from, R_OK) < 0)
		return err_set(err, "%s has no picture: its session had no display", path);
	if (io_read_file(AT_FDCWD, from, &picture, 256 << 20, err) < 0)
		return -1;
	return io_write_file(AT_FDCWD, option_output, picture.data, picture.size, 0644, err);
}

static int take_picture(const char *name, struct err *err)
{
	struct xserver server;
	scoped_free char *runs = paths_run_dir(err);
	scoped_free char *run_dir = runs ? paths_format(err, "%s/%s", runs, name) : NULL;
	scoped_fd int fd = run_dir ? session_connect(name, err) : -1;
	json_t *status = fd >= 0 ? ctl_call(fd, json_pack("{s:s}", "op", "status"), err) : NULL;
	if (!status)
		return -1;
	xserver_from_json(&server, json_object_get(status, "display"));
	json_decref(status);
	if (server.number < 0)
		return err_set(err, "session %s has no display", name);
	alarm(XSERVER_TIMEOUT_MS / 1000 + 1);
	int result = xserver_screenshot(&server, run_dir, option_output, err);
	if (result < 0)
		unlink(option_output);
	return result;
}

static int run(const char **arguments, struct err *err)
{
	if (!option_output)
		return err_set_status(err, STATUS_USAGE, "-o FILE is missing");
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
