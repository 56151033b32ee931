#define _GNU_SOURCE
#include "vnc/grab.h"

#include <string.h>
#include <sys/mman.h>

/* More rectangles than this cost more round trips than the pixels between them. */
#define RECTANGLES_MAX 12

static int share_memory(struct grab *grab, struct err *err)
{
	xcb_connection_t *connection = grab->display->connection;
	size_t size = (size_t)grab->display->width * grab->display->height * 4;
	scoped_fd int fd = memfd_create("glckpt-vnc", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_errno(err, "memory to share with the private X server");
	void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return err_errno(err, "memory to share with the private X server");
	grab->memory = memory;
	grab->size = size;
	grab->segment = xcb_generate_id(connection);
	/* The descriptor is xcb's from here on. */
	xcb_void_cookie_t asked =
		xcb_shm_attach_fd_checked(connection, grab->segment, steal_fd(&fd), 0);
	scoped_free xcb_generic_error_t *refused = xcb_request_check(connection, asked);
	if (refused)
		return err_set(err, "the private X server does not share memory");
	return 0;
}

int grab_start(struct grab *grab, const struct display *display, struct err *err)
{
	xcb_connection_t *connection = display->connection;
	*grab = (struct grab){.display = display, .dirty = true};
	if (share_memory(grab, err) < 0) {
		grab_finish(grab);
		return -1;
	}
	grab->damage = xcb_generate_id(connection);
	grab->region = xcb_generate_id(connection);
	xcb_damage_create(
		connection, grab->damage, display->root, XCB_DAMAGE_REPORT_LEVEL_NON_EMPTY);
	xcb_xfixes_create_region(connection, grab->region, 0, NULL);
	return 0;
}

void grab_finish(struct grab *grab)
{
	if (!grab->memory)
		return;
	if (grab->damage) {
		xcb_damage_destroy(grab->display->connection, grab->damage);
		xcb_xfixes_destroy_region(grab->display->connection, grab->region);
		xcb_shm_detach(grab->display->connection, grab->segment);
	}
	munmap(grab->memory, grab->size);
	*grab = (struct grab){0};
}

bool grab_event(struct grab *grab, const xcb_generic_event_t *event)
{
	if ((event->response_type & 0x7f) != grab->display->damage_event + XCB_DAMAGE_NOTIFY)
		return false;
	grab->dirty = true;
	return true;
}

/* ---- copying ---- */

/* The rows from the first to the last that differ are copied, and told. */
static void merge(struct grab *grab, const struct grab_target *target, xcb_rectangle_t r)
{
	size_t row = (size_t)r.width * 4;
	const uint8_t *from = grab->memory;
	uint8_t *to = target->pixels + (size_t)r.y * target->stride + (size_t)r.x * 4;
	int first = 0, last = r.height;
	while (first < last && !memcmp(to + first * target->stride, from + first * row, row))
		first++;
	while (last > first &&
		!memcmp(to + (last - 1) * target->stride, from + (last - 1) * row, row))
		last--;
	for (int y = first; y < last; y++)
		memcpy(to + y * target->stride, from + y * row, row);
	if (first < last)
		target->changed(target->data, r.x, r.y + first, r.width, last - first);
}

/* False where nothing of it lies on the target. */
static bool clip(const struct grab_target *target, xcb_rectangle_t *r)
{
	int left = r->x < 0 ? 0 : r->x, top = r->y < 0 ? 0 : r->y;
	int right = r->x + r->width, bottom = r->y + r->height;
	right = right > target->width ? target->width : right;
	bottom = bottom > target->height ? target->height : bottom;
	if (left >= right || top >= bottom)
		return false;
	*r = (xcb_rectangle_t){
		(int16_t)left, (int16_t)top, (uint16_t)(right - left), (uint16_t)(bottom - top)};
	return true;
}

static int take_rectangle(struct grab *grab, const struct grab_target *target, xcb_rectangle_t r)
{
	xcb_connection_t *connection = grab->display->connection;
	if (!clip(target, &r) || (size_t)r.width * r.height * 4 > grab->size)
		return 0;
	xcb_shm_get_image_cookie_t asked = xcb_shm_get_image(connection, grab->display->root, r.x,
		r.y, r.width, r.height, ~0u, XCB_IMAGE_FORMAT_Z_PIXMAP, grab->segment, 0);
	scoped_free xcb_shm_get_image_reply_t *reply =
		xcb_shm_get_image_reply(connection, asked, NULL);
	if (!reply)
		return -1;
	merge(grab, target, r);
	return 0;
}

int grab_take(struct grab *grab, const struct grab_target *target)
{
	xcb_connection_t *connection = grab->display->connection;
	grab->dirty = false;
	xcb_damage_subtract(connection, grab->damage, XCB_NONE, grab->region);
	scoped_free xcb_xfixes_fetch_region_reply_t *region = xcb_xfixes_fetch_region_reply(
		connection, xcb_xfixes_fetch_region(connection, grab->region), NULL);
	if (!region)
		return -1;
	int count = xcb_xfixes_fetch_region_rectangles_length(region);
	if (count > RECTANGLES_MAX)
		return take_rectangle(grab, target, region->extents);
	const xcb_rectangle_t *rectangles = xcb_xfixes_fetch_region_rectangles(region);
	for (int i = 0; i < count; i++)
		if (take_rectangle(grab, target, rectangles[i]) < 0)
			return -1;
	return 0;
}

int grab_take_all(struct grab *grab, const struct grab_target *target)
{
	const xcb_rectangle_t whole = {0, 0, target->width, target->height};
	return take_rectangle(grab, target, whole);
}
