#define _GNU_SOURCE
#include "xdetach/session/xserver.h"

#include "base/io.h"
#include "xdetach/paths.h"
#include "xdetach/session/picture.h"

#include <X11/Xauth.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <xcb/xcb.h>

/* A reply to one GetImage stays below this many bytes. */
#define STRIP_BYTES (8u << 20)

/* Somebody resizes the screen again and again. */
#define TRIES 10

/* The server closes its end when it has read everything; only then nothing of us is in it, which a
 * checkpoint would find. */
static void await_end(int fd)
{
	char rest[4096];
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	shutdown(fd, SHUT_WR);
	while (read(fd, rest, sizeof(rest)) > 0)
		;
}

static void disconnect(xcb_connection_t **connection)
{
	if (!*connection)
		return;
	if (!xcb_connection_has_error(*connection))
		await_end(xcb_get_file_descriptor(*connection));
	xcb_disconnect(*connection);
}

/* ---- reaching the server by its path, with its cookie ---- */

static int connect_socket(const char *run_dir, int number, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = XSERVER_TIMEOUT_MS / 1000};
	scoped_free char *dir = paths_format(err, "%s/x11", run_dir);
	scoped_fd int at = dir ? io_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, err) : -1;
	if (at < 0)
		return -1;
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/X%d", at, number);
	scoped_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(err, "the private X server does not answer");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return steal_fd(&fd);
}

static Xauth *read_cookie(const char *run_dir)
{
	scoped_free char *path = paths_format(NULL, "%s/Xauthority", run_dir);
	scoped_file FILE *file = path ? fopen(path, "re") : NULL;
	return file ? XauReadAuth(file) : NULL;
}

static xcb_connection_t *reach(const char *run_dir, int number, struct err *err)
{
	int fd = connect_socket(run_dir, number, err);
	if (fd < 0)
		return NULL;
	Xauth *cookie = read_cookie(run_dir);
	xcb_auth_info_t auth = {0};
	if (cookie) {
		auth = (xcb_auth_info_t){.name = cookie->name,
			.namelen = cookie->name_length,
			.data = cookie->data,
			.datalen = cookie->data_length};
	}
	xcb_connection_t *connection = xcb_connect_to_fd(fd, cookie ? &auth : NULL);
	if (cookie)
		XauDisposeAuth(cookie);
	if (!xcb_connection_has_error(connection))
		return connection;
	xcb_disconnect(connection);
	err_set(err, "the private X server turned the connection away");
	return NULL;
}

/* ---- the picture ---- */

static int copy_strip(xcb_connection_t *connection, const xcb_screen_t *screen, uint32_t y,
	uint32_t rows, struct picture *picture, struct err *err)
{
	size_t stride = (size_t)screen->width_in_pixels * 4;
	xcb_get_image_cookie_t cookie = xcb_get_image(connection, XCB_IMAGE_FORMAT_Z_PIXMAP,
		screen->root, 0, (int16_t)y, screen->width_in_pixels, (uint16_t)rows, ~0u);
	scoped_free xcb_get_image_reply_t *reply = xcb_get_image_reply(connection, cookie, NULL);
	if (!reply || (size_t)xcb_get_image_data_length(reply) < stride * rows)
		return err_set(err, "the private X server gave no picture");
	return picture_rows(picture, xcb_get_image_data(reply), rows, stride, err);
}

static int copy_rows(xcb_connection_t *connection, const xcb_screen_t *screen,
	struct picture *picture, struct err *err)
{
	uint32_t height = screen->height_in_pixels;
	uint32_t strip = STRIP_BYTES / (screen->width_in_pixels * 4u);
	for (uint32_t y = 0; y < height; y += strip) {
		uint32_t rows = height - y < strip ? height - y : strip;
		if (copy_strip(connection, screen, y, rows, picture, err) < 0)
			return -1;
	}
	return picture_end(picture, err);
}

static int copy_screen(
	xcb_connection_t *connection, const char *path, uint32_t width_out, struct err *err)
{
	scoped(picture_finish) struct picture picture = {0};
	const xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(connection)).data;
	if (screen->root_depth != 24)
		return err_set(err, "a screen of depth %d cannot be pictured", screen->root_depth);
	if (picture_begin(&picture, path, screen->width_in_pixels, screen->height_in_pixels,
		    width_out, err) < 0)
		return -1;
	return copy_rows(connection, screen, &picture, err);
}

/* True where it has another size by now than when the connection was made. */
static bool was_resized(xcb_connection_t *connection)
{
	const xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(connection)).data;
	scoped_free xcb_get_geometry_reply_t *now = xcb_get_geometry_reply(
		connection, xcb_get_geometry(connection, screen->root), NULL);
	return now &&
		(now->width != screen->width_in_pixels || now->height != screen->height_in_pixels);
}

/* 1: not this time, as somebody has resized the screen meanwhile. */
static int try_screenshot(const struct xserver *server, const char *run_dir, const char *path,
	uint32_t width_out, struct err *err)
{
	scoped(disconnect) xcb_connection_t *connection = reach(run_dir, server->number, err);
	if (!connection)
		return -1;
	int result = copy_screen(connection, path, width_out, err);
	return result < 0 && was_resized(connection) ? 1 : result;
}

int xserver_screenshot(const struct xserver *server, const char *run_dir, const char *path,
	uint32_t width_out, struct err *err)
{
	struct err failure = ERR_INIT;
	int result = 1;
	for (int i = 0; result > 0 && i < TRIES; i++) {
		failure = (struct err)ERR_INIT;
		result = try_screenshot(server, run_dir, path, width_out, &failure);
	}
	return result == 0 ? 0 : err_set_status(err, failure.status, "%s", failure.text);
}
