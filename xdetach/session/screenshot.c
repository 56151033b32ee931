#define _GNU_SOURCE
#include "xdetach/session/xserver.h"

#include "base/io.h"
#include "xdetach/paths.h"

#include <X11/Xauth.h>
#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <xcb/xcb.h>

/* A reply to one GetImage stays below this many bytes. */
#define STRIP_BYTES (8u << 20)

static void disconnect(xcb_connection_t **connection)
{
	if (*connection)
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

struct picture {
	FILE *file;
	png_structp png;
	png_infop info;
};

static void picture_finish(struct picture *picture)
{
	if (picture->png)
		png_destroy_write_struct(&picture->png, &picture->info);
	if (picture->file)
		fclose(picture->file);
}

static int picture_init(struct picture *picture, const char *path, struct err *err)
{
	*picture = (struct picture){.file = fopen(path, "we")};
	if (!picture->file)
		return err_errno(err, "%s", path);
	picture->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	picture->info = picture->png ? png_create_info_struct(picture->png) : NULL;
	if (!picture->info)
		return err_set(err, "out of memory");
	return 0;
}

static int picture_begin(struct picture *picture, uint32_t width, uint32_t height)
{
	if (setjmp(png_jmpbuf(picture->png)))
		return -1;
	png_init_io(picture->png, picture->file);
	png_set_IHDR(picture->png, picture->info, width, height, 8, PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_compression_level(picture->png, 1);
	png_write_info(picture->png, picture->info);
	/* X gives blue, green, red and a byte that means nothing. */
	png_set_bgr(picture->png);
	png_set_filler(picture->png, 0, PNG_FILLER_AFTER);
	return 0;
}

static int picture_rows(
	struct picture *picture, const uint8_t *pixels, uint32_t rows, size_t stride)
{
	if (setjmp(png_jmpbuf(picture->png)))
		return -1;
	for (uint32_t y = 0; y < rows; y++)
		png_write_row(picture->png, pixels + y * stride);
	return 0;
}

static int picture_end(struct picture *picture)
{
	if (setjmp(png_jmpbuf(picture->png)))
		return -1;
	png_write_end(picture->png, NULL);
	return fflush(picture->file);
}

static int copy_strip(xcb_connection_t *connection, const xcb_screen_t *screen, uint32_t y,
	uint32_t rows, struct picture *picture, struct err *err)
{
	size_t stride = (size_t)screen->width_in_pixels * 4;
	xcb_get_image_cookie_t cookie = xcb_get_image(connection, XCB_IMAGE_FORMAT_Z_PIXMAP,
		screen->root, 0, (int16_t)y, screen->width_in_pixels, (uint16_t)rows, ~0u);
	scoped_free xcb_get_image_reply_t *reply = xcb_get_image_reply(connection, cookie, NULL);
	if (!reply || (size_t)xcb_get_image_data_length(reply) < stride * rows)
		return err_set(err, "the private X server gave no picture");
	if (picture_rows(picture, xcb_get_image_data(reply), rows, stride) < 0)
		return err_errno(err, "writing the picture");
	return 0;
}

static int copy_screen(xcb_connection_t *connection, struct picture *picture, struct err *err)
{
	const xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(connection)).data;
	uint32_t height = screen->height_in_pixels;
	uint32_t strip = STRIP_BYTES / (screen->width_in_pixels * 4u);
	if (screen->root_depth != 24)
		return err_set(err, "a screen of depth %d cannot be pictured", screen->root_depth);
	if (picture_begin(picture, screen->width_in_pixels, height) < 0)
		return err_errno(err, "writing the picture");
	for (uint32_t y = 0; y < height; y += strip) {
		uint32_t rows = height - y < strip ? height - y : strip;
		if (copy_strip(connection, screen, y, rows, picture, err) < 0)
			return -1;
	}
	if (picture_end(picture) != 0)
		return err_errno(err, "writing the picture");
	return 0;
}

int xserver_screenshot(
	const struct xserver *server, const char *run_dir, const char *path, struct err *err)
{
	scoped(picture_finish) struct picture picture = {0};
	scoped(disconnect) xcb_connection_t *connection = reach(run_dir, server->number, err);
	if (!connection || picture_init(&picture, path, err) < 0)
		return -1;
	return copy_screen(connection, &picture, err);
}
