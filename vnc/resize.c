#include "vnc/resize.h"

#include "base/scope.h"

#include <string.h>
#include <xcb/randr.h>

#define MM_PER_INCH 25.4
#define DPI 96.0

struct resize_limits resize_limits(const struct display *display)
{
	xcb_connection_t *connection = display->connection;
	scoped_free xcb_randr_get_screen_size_range_reply_t *range =
		xcb_randr_get_screen_size_range_reply(connection,
			xcb_randr_get_screen_size_range(connection, display->root), NULL);
	if (!range)
		return (struct resize_limits){0};
	return (struct resize_limits){range->max_width, range->max_height};
}

/* ---- the one monitor that such servers have ---- */

struct monitor {
	xcb_connection_t *connection;
	xcb_window_t root;
	xcb_randr_get_screen_resources_current_reply_t *resources;
	xcb_randr_crtc_t crtc;
	xcb_randr_output_t output;
};

static void monitor_finish(struct monitor *monitor)
{
	free(monitor->resources);
}

static int monitor_init(struct monitor *monitor, const struct display *display, struct err *err)
{
	xcb_connection_t *connection = display->connection;
	*monitor = (struct monitor){.connection = connection, .root = display->root};
	monitor->resources = xcb_randr_get_screen_resources_current_reply(connection,
		xcb_randr_get_screen_resources_current(connection, display->root), NULL);
	if (!monitor->resources || monitor->resources->num_crtcs == 0 ||
		monitor->resources->num_outputs == 0)
		return err_set(err, "the private X server has no monitor to resize");
	monitor->crtc = xcb_randr_get_screen_resources_current_crtcs(monitor->resources)[0];
	monitor->output = xcb_randr_get_screen_resources_current_outputs(monitor->resources)[0];
	return 0;
}

static xcb_randr_mode_t find_mode(const struct monitor *monitor, uint16_t width, uint16_t height)
{
	const xcb_randr_mode_info_t *modes =
		xcb_randr_get_screen_resources_current_modes(monitor->resources);
	for (int i = 0; i < monitor->resources->num_modes; i++)
		if (modes[i].width == width && modes[i].height == height)
			return modes[i].id;
	return XCB_NONE;
}

static xcb_randr_mode_t make_mode(const struct monitor *monitor, uint16_t width, uint16_t height)
{
	char name[24];
	xcb_randr_mode_info_t info = {.width = width,
		.height = height,
		.htotal = width,
		.vtotal = height,
		.dot_clock = (uint32_t)width * height * 60};
	info.name_len = (uint16_t)snprintf(name, sizeof(name), "%dx%d", width, height);
	scoped_free xcb_randr_create_mode_reply_t *made =
		xcb_randr_create_mode_reply(monitor->connection,
			xcb_randr_create_mode(
				monitor->connection, monitor->root, info, info.name_len, name),
			NULL);
	return made ? made->mode : XCB_NONE;
}

/* A mode that the output did not have may be forbidden; that shows when it is set. */
static xcb_randr_mode_t mode_of(const struct monitor *monitor, uint16_t width, uint16_t height)
{
	xcb_randr_mode_t mode = find_mode(monitor, width, height);
	if (mode == XCB_NONE)
		mode = make_mode(monitor, width, height);
	if (mode != XCB_NONE)
		xcb_randr_add_output_mode(monitor->connection, monitor->output, mode);
	return mode;
}

static int set_mode(const struct monitor *monitor, xcb_randr_mode_t mode)
{
	scoped_free xcb_randr_set_crtc_config_reply_t *reply =
		xcb_randr_set_crtc_config_reply(monitor->connection,
			xcb_randr_set_crtc_config(monitor->connection, monitor->crtc,
				XCB_CURRENT_TIME, monitor->resources->config_timestamp, 0, 0, mode,
				XCB_RANDR_ROTATION_ROTATE_0, mode != XCB_NONE, &monitor->output),
			NULL);
	return reply && reply->status == XCB_RANDR_SET_CONFIG_SUCCESS ? 0 : -1;
}

static int set_screen(const struct monitor *monitor, uint16_t width, uint16_t height)
{
	const double mm = MM_PER_INCH / DPI;
	xcb_void_cookie_t asked = xcb_randr_set_screen_size_checked(monitor->connection,
		monitor->root, width, height, (uint32_t)(width * mm), (uint32_t)(height * mm));
	scoped_free xcb_generic_error_t *refused = xcb_request_check(monitor->connection, asked);
	return refused ? -1 : 0;
}

/* A monitor must lie on the screen, so that there is none while the screen's size changes. */
static int change(const struct monitor *monitor, uint16_t width, uint16_t height)
{
	xcb_randr_mode_t mode = mode_of(monitor, width, height);
	if (mode == XCB_NONE || set_mode(monitor, XCB_NONE) < 0)
		return -1;
	int result = set_screen(monitor, width, height);
	return set_mode(monitor, mode) < 0 ? -1 : result;
}

int resize_set(const struct display *display, uint16_t width, uint16_t height, struct err *err)
{
	scoped(monitor_finish) struct monitor monitor;
	xcb_connection_t *connection = display->connection;
	if (monitor_init(&monitor, display, err) < 0)
		return -1;
	scoped_free xcb_get_geometry_reply_t *now = xcb_get_geometry_reply(
		connection, xcb_get_geometry(connection, display->root), NULL);
	if (!now)
		return err_set(err, "the private X server does not answer");
	if (now->width == width && now->height == height)
		return 0;
	xcb_grab_server(connection);
	int result = change(&monitor, width, height);
	if (result < 0)
		change(&monitor, now->width, now->height);
	xcb_ungrab_server(connection);
	return result < 0
		? err_set(err, "the private X server refuses the size %dx%d", width, height)
		: 0;
}
