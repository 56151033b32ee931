#define _GNU_SOURCE
#include "vnc/grab.h"

#include "base/scope.h"
#include "vnc/scroll.h"

#include <fcntl.h>

/* More rectangles than this cost more than the pixels between them. */
#define RECTANGLES_MAX 32
#define BAND_ROWS (2 * TILE)
#define BANDS_MAX 32

/* So many dense takes in a row, and comparing is dropped; every so manieth compares anyway. */
#define DENSE_ENOUGH 4
#define COMPARE_EVERY 32

/* ---- beginning and end ---- */

/* The descriptor is xcb's from there on. */
static int attach(const struct grab *grab, xcb_shm_seg_t segment, const struct memory *memory,
	struct err *err)
{
	xcb_connection_t *connection = grab->display->connection;
	int fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "memory to share with the private X server");
	xcb_void_cookie_t asked = xcb_shm_attach_fd_checked(connection, segment, fd, 0);
	scoped_free xcb_generic_error_t *refused = xcb_request_check(connection, asked);
	if (refused)
		return err_set(err, "the private X server does not share memory");
	return 0;
}

static int share_memory(struct grab *grab, struct err *err)
{
	if (memory_init(&grab->between, grab->target.memory->size, err) < 0)
		return -1;
	grab->segment = xcb_generate_id(grab->display->connection);
	grab->target_segment = xcb_generate_id(grab->display->connection);
	if (attach(grab, grab->segment, &grab->between, err) < 0)
		return -1;
	return attach(grab, grab->target_segment, grab->target.memory, err);
}

int grab_start(struct grab *grab, const struct display *display, const struct grab_target *target,
	struct err *err)
{
	xcb_connection_t *connection = display->connection;
	*grab = (struct grab){.display = display, .target = *target, .dirty = true};
	if (share_memory(grab, err) < 0) {
		memory_finish(&grab->between);
		*grab = (struct grab){0};
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
	if (!grab->display)
		return;
	xcb_connection_t *connection = grab->display->connection;
	xcb_damage_destroy(connection, grab->damage);
	xcb_xfixes_destroy_region(connection, grab->region);
	xcb_shm_detach(connection, grab->segment);
	xcb_shm_detach(connection, grab->target_segment);
	memory_finish(&grab->between);
	*grab = (struct grab){0};
}

bool grab_event(struct grab *grab, const xcb_generic_event_t *event)
{
	if ((event->response_type & 0x7f) != grab->display->damage_event + XCB_DAMAGE_NOTIFY)
		return false;
	grab->dirty = true;
	return true;
}

/* ---- bands: what is asked of the server, and not answered yet ---- */

struct band {
	xcb_rectangle_t where;
	size_t between; /* where in the memory between; unless it goes into the target itself */
	bool direct;
	int scrolls; /* the first of so many that lie one below the other, and may have scrolled */
	xcb_shm_get_image_cookie_t asked;
};

struct take {
	struct grab *grab;
	bool compares;
	struct band bands[BANDS_MAX];
	int count;
	size_t used; /* of the memory between */
	size_t taken, differed;
	bool failed;
};

static size_t stride_of(const struct grab *grab)
{
	return (size_t)grab->target.width * 4;
}

static struct tiles_part part_of(const struct grab *grab, xcb_rectangle_t r)
{
	size_t stride = stride_of(grab);
	uint8_t *pixels = grab->target.memory->bytes + (size_t)r.y * stride + (size_t)r.x * 4;
	return (struct tiles_part){pixels, stride, r.x, r.y, r.width, r.height};
}

static void take_in(struct take *take, const struct band *band)
{
	const struct grab *grab = take->grab;
	const xcb_rectangle_t r = band->where;
	const struct tiles_told *told = &grab->target.told;
	const struct tiles_part part = part_of(grab, r);
	size_t pixels = (size_t)r.width * r.height;
	if (band->direct)
		told->changed(told->data, r.x, r.y, r.width, r.height);
	else
		pixels = tiles_merge(
			&part, grab->between.bytes + band->between, (size_t)r.width * 4, told);
	take->taken += (size_t)r.width * r.height;
	take->differed += pixels;
}

/* What viewers have is moved before it is compared. */
static void scroll(struct take *take, const struct band *first)
{
	const struct grab_target *target = &take->grab->target;
	const struct band *last = first + first->scrolls - 1;
	const int height = last->where.y + last->where.height - first->where.y;
	xcb_rectangle_t r = first->where;
	r.height = (uint16_t)height;
	const struct tiles_part part = part_of(take->grab, r);
	const struct scroll found =
		scroll_find(&part, take->grab->between.bytes + first->between, (size_t)r.width * 4);
	r.y = (int16_t)(r.y + found.y);
	r.height = (uint16_t)found.height;
	if (found.height)
		target->moved(target->told.data, r, found.by);
}

static bool await(struct take *take, const struct band *band)
{
	scoped_free xcb_shm_get_image_reply_t *reply =
		xcb_shm_get_image_reply(take->grab->display->connection, band->asked, NULL);
	take->failed = take->failed || !reply;
	return reply;
}

/* How many. Every answer is waited for, even after one has failed: they are in the connection. */
static int receive_together(struct take *take, const struct band *first)
{
	const int count = first->scrolls ? first->scrolls : 1;
	bool all = true;
	for (int i = 0; i < count; i++)
		all = await(take, &first[i]) && all;
	if (all && first->scrolls)
		scroll(take, first);
	for (int i = 0; all && i < count; i++)
		take_in(take, &first[i]);
	return count;
}

static void receive(struct take *take)
{
	for (int i = 0; i < take->count;)
		i += receive_together(take, &take->bands[i]);
	take->count = 0;
	take->used = 0;
}

static void ask(struct take *take, xcb_rectangle_t r)
{
	const struct grab *grab = take->grab;
	size_t size = (size_t)r.width * r.height * 4;
	if (take->count == BANDS_MAX || size > grab->between.size - take->used)
		receive(take);
	struct band *band = &take->bands[take->count++];
	*band = (struct band){.where = r, .between = take->used};
	band->direct = !take->compares && r.width == grab->target.width;
	take->used += size;
	band->asked = xcb_shm_get_image(grab->display->connection, grab->display->root, r.x, r.y,
		r.width, r.height, ~0u, XCB_IMAGE_FORMAT_Z_PIXMAP,
		band->direct ? grab->target_segment : grab->segment,
		(uint32_t)(band->direct ? (size_t)r.y * stride_of(grab) : band->between));
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

static bool may_have_scrolled(const struct take *take, xcb_rectangle_t r)
{
	return take->compares && take->grab->target.moved && r.width >= SCROLL_WIDTH_MIN &&
		r.height >= SCROLL_HEIGHT_MIN;
}

/* Room for all bands of a rectangle at once. */
static void make_room(struct take *take, xcb_rectangle_t r, int bands)
{
	const size_t size = (size_t)r.width * r.height * 4;
	if (take->count + bands > BANDS_MAX || size > take->grab->between.size - take->used)
		receive(take);
}

static void ask_in_bands(struct take *take, xcb_rectangle_t r)
{
	if (!clip(&take->grab->target, &r))
		return;
	const int bands = (r.height + BAND_ROWS - 1) / BAND_ROWS;
	const bool scrolls = may_have_scrolled(take, r) && bands <= BANDS_MAX;
	if (scrolls)
		make_room(take, r, bands);
	const int first = take->count;
	for (int y = 0; y < r.height; y += BAND_ROWS) {
		int rows = r.height - y < BAND_ROWS ? r.height - y : BAND_ROWS;
		ask(take, (xcb_rectangle_t){r.x, (int16_t)(r.y + y), r.width, (uint16_t)rows});
	}
	if (scrolls)
		take->bands[first].scrolls = bands;
}

/* ---- ---- */

static bool should_compare(const struct grab *grab)
{
	return grab->dense < DENSE_ENOUGH || grab->dense % COMPARE_EVERY == 0;
}

static void learn(struct grab *grab, const struct take *take)
{
	bool dense = take->taken && take->differed >= take->taken - take->taken / 8;
	grab->dense = dense ? grab->dense + 1 : 0;
}

static int take_rectangles(struct grab *grab, const xcb_rectangle_t *rectangles, int count)
{
	struct take take = {.grab = grab, .compares = should_compare(grab)};
	for (int i = 0; i < count; i++)
		ask_in_bands(&take, rectangles[i]);
	receive(&take);
	learn(grab, &take);
	return take.failed ? -1 : 0;
}

int grab_take(struct grab *grab)
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
		return take_rectangles(grab, &region->extents, 1);
	return take_rectangles(grab, xcb_xfixes_fetch_region_rectangles(region), count);
}

int grab_take_all(struct grab *grab)
{
	const xcb_rectangle_t whole = {0, 0, grab->target.width, grab->target.height};
	return take_rectangles(grab, &whole, 1);
}
