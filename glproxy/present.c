#define _GNU_SOURCE
#include "glproxy/present.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>

#define SLOTS 3
#define PATIENCE_MS 100 /* how long a picture waits for an X server that stands still */

enum slot_state { SLOT_FREE, SLOT_DRAWN, SLOT_READY };

struct slot {
	enum slot_state state;
	unsigned width, height; /* of the picture in it */
	int x, y;               /* the part that is shown */
	unsigned show_width, show_height;
	uint64_t turn;
	char *memory;
	size_t size;
	xcb_shm_seg_t segment; /* 0: the server has no MIT-SHM */
};

struct present {
	xcb_connection_t *connection;
	xcb_drawable_t drawable;
	xcb_gcontext_t gc;
	uint8_t depth;
	bool shm;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slots[SLOTS];
	struct slot *drawing;
	struct slot *shown; /* the last picture that was shown whole, while it is there */
	uint64_t turns;
	unsigned width, height;
	bool stop;
};

static bool has_shm(xcb_connection_t *connection)
{
	xcb_shm_query_version_reply_t *reply =
		xcb_shm_query_version_reply(connection, xcb_shm_query_version(connection), NULL);
	const bool usable = reply &&
		(reply->major_version > 1 ||
			(reply->major_version == 1 && reply->minor_version >= 2));
	free(reply);
	return usable;
}

/* The drawable's size now; false when it is gone. */
static bool ask_geometry(struct present *present)
{
	xcb_get_geometry_reply_t *reply = xcb_get_geometry_reply(present->connection,
		xcb_get_geometry(present->connection, present->drawable), NULL);
	if (!reply)
		return false;
	pthread_mutex_lock(&present->lock);
	present->width = reply->width;
	present->height = reply->height;
	present->depth = reply->depth;
	pthread_mutex_unlock(&present->lock);
	free(reply);
	return true;
}

/* Without MIT-SHM a picture goes in pieces that fit a request. */
static void put_plain(struct present *present, const struct slot *slot)
{
	const size_t limit = (size_t)xcb_get_maximum_request_length(present->connection) * 4 - 64;
	const size_t row = (size_t)slot->width * 4;
	unsigned rows = (unsigned)(limit / row);
	if (!rows)
		return;
	for (unsigned y = 0; y < slot->height; y += rows) {
		if (rows > slot->height - y)
			rows = slot->height - y;
		xcb_put_image(present->connection, XCB_IMAGE_FORMAT_Z_PIXMAP, present->drawable,
			present->gc, (uint16_t)slot->width, (uint16_t)rows, 0, (int16_t)y, 0,
			present->depth, (uint32_t)(row * rows),
			(const uint8_t *)slot->memory + y * row);
	}
}

static void put(struct present *present, const struct slot *slot)
{
	if (!slot->segment) {
		put_plain(present, slot);
		return;
	}
	xcb_shm_put_image(present->connection, present->drawable, present->gc,
		(uint16_t)slot->width, (uint16_t)slot->height, (uint16_t)slot->x, (uint16_t)slot->y,
		(uint16_t)slot->show_width, (uint16_t)slot->show_height, (int16_t)slot->x,
		(int16_t)slot->y, present->depth, XCB_IMAGE_FORMAT_Z_PIXMAP, 0, slot->segment, 0);
}

static struct slot *oldest_ready(struct present *present)
{
	struct slot *found = NULL;
	for (unsigned i = 0; i < SLOTS; i++)
		if (present->slots[i].state == SLOT_READY &&
			(!found || present->slots[i].turn < found->turn))
			found = &present->slots[i];
	return found;
}

static void *run(void *data)
{
	struct present *present = data;
	pthread_mutex_lock(&present->lock);
	for (;;) {
		struct slot *slot = oldest_ready(present);
		if (!slot && present->stop)
			break;
		if (!slot) {
			pthread_cond_wait(&present->changed, &present->lock);
			continue;
		}
		pthread_mutex_unlock(&present->lock);
		put(present, slot);
		ask_geometry(present); /* its answer also says that the picture was read */
		pthread_mutex_lock(&present->lock);
		slot->state = SLOT_FREE;
		pthread_cond_broadcast(&present->changed);
	}
	pthread_mutex_unlock(&present->lock);
	return NULL;
}

static bool open_display(struct present *present, const char *display, uint32_t drawable)
{
	present->drawable = drawable;
	present->connection = xcb_connect(display, NULL);
	if (xcb_connection_has_error(present->connection) || !ask_geometry(present))
		return false;
	present->shm = has_shm(present->connection);
	present->gc = xcb_generate_id(present->connection);
	const uint32_t no_exposures = 0;
	xcb_create_gc(present->connection, present->gc, drawable, XCB_GC_GRAPHICS_EXPOSURES,
		&no_exposures);
	return true;
}

struct present *present_create(
	const char *display, uint32_t drawable, unsigned *width, unsigned *height)
{
	struct present *present = calloc(1, sizeof(*present));
	if (!present)
		return NULL;
	pthread_mutex_init(&present->lock, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&present->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!open_display(present, display, drawable) ||
		pthread_create(&present->thread, NULL, run, present)) {
		log_line("display %s: drawable 0x%x: cannot be reached", display, drawable);
		xcb_disconnect(present->connection);
		free(present);
		return NULL;
	}
	*width = present->width;
	*height = present->height;
	return present;
}

static void free_slot(struct present *present, struct slot *slot)
{
	if (slot->segment)
		xcb_shm_detach(present->connection, slot->segment);
	if (slot->memory)
		munmap(slot->memory, slot->size);
	slot->memory = NULL;
	slot->segment = 0;
	slot->size = 0;
}

void present_destroy(struct present *present)
{
	if (!present)
		return;
	pthread_mutex_lock(&present->lock);
	present->stop = true;
	pthread_cond_broadcast(&present->changed);
	pthread_mutex_unlock(&present->lock);
	pthread_join(present->thread, NULL);
	for (unsigned i = 0; i < SLOTS; i++)
		free_slot(present, &present->slots[i]);
	xcb_disconnect(present->connection);
	pthread_cond_destroy(&present->changed);
	pthread_mutex_destroy(&present->lock);
	free(present);
}

/* Memory that the X server can map too. */
static bool grow(struct present *present, struct slot *slot, size_t size)
{
	if (slot->size >= size)
		return true;
	free_slot(present, slot);
	scoped_fd int fd = memfd_create("glckpt-frame", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size))
		return false;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return false;
	slot->memory = memory;
	slot->size = size;
	if (present->shm) {
		slot->segment = xcb_generate_id(present->connection);
		xcb_shm_attach_fd(present->connection, slot->segment, steal_fd(&fd), 1);
	}
	return true;
}

/* The picture that is shown is overwritten last. */
static struct slot *free_one(struct present *present)
{
	struct slot *found = NULL;
	for (unsigned i = 0; i < SLOTS; i++)
		if (present->slots[i].state == SLOT_FREE && (!found || found == present->shown))
			found = &present->slots[i];
	return found;
}

void *present_begin(struct present *present, unsigned width, unsigned height)
{
	const struct timespec until = io_clock_in(CLOCK_MONOTONIC, PATIENCE_MS * 1000000L);
	struct slot *slot;
	pthread_mutex_lock(&present->lock);
	while (!(slot = free_one(present)))
		if (pthread_cond_timedwait(&present->changed, &present->lock, &until) == ETIMEDOUT)
			break;
	if (slot && grow(present, slot, (size_t)width * height * 4)) {
		slot->state = SLOT_DRAWN;
		if (slot == present->shown)
			present->shown = NULL;
		slot->width = width;
		slot->height = height;
	} else {
		slot = NULL;
	}
	present->drawing = slot;
	pthread_mutex_unlock(&present->lock);
	return slot ? slot->memory : NULL;
}

void present_end(struct present *present, int x, int y, unsigned width, unsigned height)
{
	pthread_mutex_lock(&present->lock);
	struct slot *slot = present->drawing;
	slot->x = x;
	slot->y = y;
	slot->show_width = width;
	slot->show_height = height;
	slot->turn = ++present->turns;
	slot->state = SLOT_READY;
	present->shown = width == slot->width && height == slot->height ? slot : NULL;
	pthread_cond_broadcast(&present->changed);
	pthread_mutex_unlock(&present->lock);
}

static bool copy_shown(struct present *present, void *picture, unsigned width, unsigned height)
{
	pthread_mutex_lock(&present->lock);
	const struct slot *shown = present->shown;
	const bool fits = shown && shown->width == width && shown->height == height;
	if (fits)
		memcpy(picture, shown->memory, (size_t)width * height * 4);
	pthread_mutex_unlock(&present->lock);
	return fits;
}

/* A window that cannot be seen has no picture in the server. */
static void ask_picture(struct present *present, void *picture, unsigned width, unsigned height)
{
	const size_t size = (size_t)width * height * 4;
	xcb_get_image_reply_t *reply = xcb_get_image_reply(present->connection,
		xcb_get_image(present->connection, XCB_IMAGE_FORMAT_Z_PIXMAP, present->drawable, 0,
			0, (uint16_t)width, (uint16_t)height, UINT32_MAX),
		NULL);
	if (reply && (size_t)xcb_get_image_data_length(reply) == size)
		memcpy(picture, xcb_get_image_data(reply), size);
	free(reply);
}

void *present_picture(struct present *present, unsigned width, unsigned height)
{
	void *picture = calloc((size_t)width * height + 1, 4);
	if (!picture || copy_shown(present, picture, width, height))
		return picture;
	present_settle(present);
	ask_picture(present, picture, width, height);
	return picture;
}

void present_size(struct present *present, bool ask, unsigned *width, unsigned *height)
{
	if (ask)
		ask_geometry(present);
	pthread_mutex_lock(&present->lock);
	*width = present->width;
	*height = present->height;
	pthread_mutex_unlock(&present->lock);
}

static bool settled(struct present *present)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (present->slots[i].state == SLOT_READY)
			return false;
	return true;
}

void present_settle(struct present *present)
{
	const struct timespec until = io_clock_in(CLOCK_MONOTONIC, PATIENCE_MS * 1000000L);
	pthread_mutex_lock(&present->lock);
	while (!settled(present))
		if (pthread_cond_timedwait(&present->changed, &present->lock, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&present->lock);
}
