#define _GNU_SOURCE
#include "vnc/bridge.h"

#include "base/io.h"
#include "base/log.h"
#include "vnc/resize.h"
#include "vnc/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <xcb/randr.h>

#define FRAME_S (1 / 120.0) /* no picture sooner after the last one, nor sooner than twice the */
#define FRAME_COSTS 2       /* time that taking the last one took: the session works too */
#define GREETING_S 0.050    /* and whether one that has connected watches by now */
#define RETRY_S 0.05        /* how often a session is looked for that may have come back */
#define RETRY_ALONE_S 1.0   /* and while nobody watches */
#define HOLD_RETRY_S 0.5    /* and a display that does not answer */
#define FIT_RETRY_S 0.005   /* and whether viewers have taken what is of the old size */
#define FIRST_VIEWER_S 30.0 /* a viewer that is being started gets this long at least */

/* ---- the picture ---- */

static void on_changed(void *data, int x, int y, int width, int height)
{
	screen_changed(data, x, y, width, height);
}

static bool on_moved(void *data, xcb_rectangle_t to, int by)
{
	return screen_move(data, to.x, to.y, to.width, to.height, by);
}

static struct grab_target target_of(struct bridge *bridge)
{
	struct screen *screen = &bridge->screen;
	return (struct grab_target){.memory = &screen->memory,
		.width = (uint16_t)screen->width,
		.height = (uint16_t)screen->height,
		.told = {on_changed, screen},
		.moved = on_moved};
}

static struct banner_picture picture_of(const struct bridge *bridge)
{
	const struct screen *screen = &bridge->screen;
	return (struct banner_picture){
		screen->memory.bytes, (size_t)screen->width * 4, screen->width, screen->height};
}

static void mark_banner(struct bridge *bridge)
{
	const struct banner *banner = &bridge->banner;
	if (banner->saved)
		screen_changed(
			&bridge->screen, banner->x, banner->y, banner->width, banner->height);
}

static void set_banner(struct bridge *bridge, const char *text)
{
	const struct banner_picture picture = picture_of(bridge);
	if (text == bridge->banner_text)
		return;
	mark_banner(bridge);
	banner_hide(&bridge->banner, &picture);
	if (text)
		banner_show(&bridge->banner, &picture, text);
	mark_banner(bridge);
	screen_publish(&bridge->screen);
	bridge->banner_text = text;
}

static const char *what_to_say(const struct bridge *bridge)
{
	if (bridge_holds(bridge) || bridge->unfit)
		return NULL;
	if (bridge->link.state == LINK_FREE && bridge->by_hand)
		return "detached";
	if (bridge->link.state == LINK_FREE && bridge->wanted)
		return "the display does not answer";
	return link_banner(&bridge->link);
}

/* ---- taking hold ---- */

/* 1: a viewer is in the way, later. */
static int fit_size(struct bridge *bridge, struct err *err)
{
	const struct display *display = &bridge->display;
	struct screen *screen = &bridge->screen;
	if (display->width == screen->width && display->height == screen->height)
		return 0;
	set_banner(bridge, NULL);
	return screen_resize(screen, display->width, display->height, err);
}

static void take_limits(struct bridge *bridge)
{
	const struct resize_limits limits = resize_limits(&bridge->display);
	screen_set_limits(&bridge->screen, limits.width, limits.height);
}

static void take_cursor(struct bridge *bridge)
{
	struct cursor cursor;
	if (cursor_take(&bridge->display, &cursor) == 0)
		screen_set_cursor(&bridge->screen, &cursor);
}

static int begin(struct bridge *bridge, struct err *err)
{
	const struct display *display = &bridge->display;
	int fits = fit_size(bridge, err);
	if (fits != 0)
		return fits;
	const struct grab_target target = target_of(bridge);
	if (grab_start(&bridge->grab, display, &target, err) < 0 ||
		keys_start(&bridge->keys, display, err) < 0 ||
		clip_start(&bridge->clip, display, err) < 0)
		return -1;
	pointer_start(&bridge->pointer, display);
	cursor_start(display);
	take_cursor(bridge);
	take_limits(bridge);
	set_banner(bridge, NULL);
	int result = grab_take_all(&bridge->grab);
	screen_publish(&bridge->screen);
	return result;
}

static void let_go(struct bridge *bridge)
{
	display_guard_begin(&bridge->display);
	keys_stop(&bridge->keys);
	pointer_stop(&bridge->pointer);
	clip_stop(&bridge->clip);
	grab_finish(&bridge->grab);
	display_sync(&bridge->display);
	display_guard_end();
	display_close(&bridge->display);
}

/* As begin(). */
static int try_to_hold(struct bridge *bridge, struct err *err)
{
	const struct link *link = &bridge->link;
	if (display_open(&bridge->display, link->socket, link->authority, err) < 0)
		return -1;
	display_guard_begin(&bridge->display);
	int result = begin(bridge, err);
	display_guard_end();
	if (result != 0)
		let_go(bridge);
	return result;
}

static void take_hold(struct bridge *bridge)
{
	struct err err = ERR_INIT;
	int result = try_to_hold(bridge, &err);
	if (result < 0)
		log_line("%s", err.text);
	bridge->unfit = result > 0;
	bridge->hold_at = io_now() + (bridge->unfit ? FIT_RETRY_S : HOLD_RETRY_S);
}

static bool may_hold(const struct bridge *bridge)
{
	return bridge->wanted && bridge->link.state == LINK_FREE && !bridge->by_hand;
}

void bridge_settle(struct bridge *bridge)
{
	bool may = may_hold(bridge);
	if (bridge_holds(bridge) && (!may || display_lost(&bridge->display)))
		let_go(bridge);
	if (!may)
		bridge->unfit = false;
	if (!bridge_holds(bridge) && may && io_now() >= bridge->hold_at)
		take_hold(bridge);
	if (!bridge_holds(bridge))
		link_released(&bridge->link);
	set_banner(bridge, what_to_say(bridge));
}

/* ---- while the display is held ---- */

/* Where the server refuses viewers keep the size that it has. */
static void set_size(struct bridge *bridge, const struct input_event *event)
{
	struct err err = ERR_INIT;
	if (bridge_holds(bridge) &&
		resize_set(&bridge->display, (uint16_t)event->x, (uint16_t)event->y, &err) < 0)
		log_line("%s", err.text);
}

static void play(struct bridge *bridge, struct input_event *event)
{
	if (event->kind == INPUT_KEY)
		keys_event(&bridge->keys, event->down, event->keysym);
	else if (event->kind == INPUT_POINTER && event->relative)
		pointer_move(&bridge->pointer, event->buttons, event->x, event->y);
	else if (event->kind == INPUT_POINTER)
		pointer_event(&bridge->pointer, event->buttons, event->x, event->y);
	else if (event->kind == INPUT_SIZE)
		set_size(bridge, event);
	else if (event->text)
		clip_offer(&bridge->clip, event->text);
}

static void look_for_session(struct bridge *bridge)
{
	struct err err = ERR_INIT;
	bridge->link_at = io_now() + (bridge->wanted ? RETRY_S : RETRY_ALONE_S);
	link_connect(&bridge->link, &err);
}

/* While the session is busy for a moment, what was typed waits. It may be for one that has just
 * been restored, and that nobody has looked for yet. */
static bool input_has_to_wait(struct bridge *bridge)
{
	if (bridge->link.state == LINK_GONE && input_waits(&bridge->input))
		look_for_session(bridge);
	return !bridge_holds(bridge) && !bridge->by_hand &&
		(bridge->link.state == LINK_BUSY || bridge->link.state == LINK_FREE);
}

static void take_input(struct bridge *bridge)
{
	struct input_event event;
	eventfd_t count;
	eventfd_read(bridge->input.wake, &count);
	while (!input_has_to_wait(bridge) && input_take(&bridge->input, &event))
		play(bridge, &event);
}

/* True where the screen has another size now. */
static bool is_new_size(const struct bridge *bridge, const xcb_generic_event_t *event)
{
	const xcb_randr_screen_change_notify_event_t *change = (const void *)event;
	return (event->response_type & 0x7f) ==
		bridge->display.randr_event + XCB_RANDR_SCREEN_CHANGE_NOTIFY &&
		(change->width != bridge->screen.width || change->height != bridge->screen.height);
}

/* False: the display has to be taken hold of anew. */
static bool on_event(struct bridge *bridge, const xcb_generic_event_t *event)
{
	if (is_new_size(bridge, event))
		return false;
	if (cursor_event(&bridge->display, event))
		take_cursor(bridge);
	else if ((event->response_type & 0x7f) == XCB_MAPPING_NOTIFY)
		keys_mapping_changed(&bridge->keys);
	else if (!grab_event(&bridge->grab, event))
		clip_event(&bridge->clip, event);
	return true;
}

static bool take_events(struct bridge *bridge)
{
	bool same = true;
	for (;;) {
		scoped_free xcb_generic_event_t *event =
			xcb_poll_for_event(bridge->display.connection);
		if (!event)
			return same;
		same = on_event(bridge, event) && same;
	}
}

/* Nothing is taken that nobody waits for. */
static bool picture_is_wanted(const struct bridge *bridge)
{
	return bridge_holds(bridge) && bridge->grab.dirty && screen_awaited(&bridge->screen);
}

/* What was asked for before it was taken is answered by it. */
static void take_picture(struct bridge *bridge)
{
	double begin = io_now();
	if (begin < bridge->picture_at || !picture_is_wanted(bridge))
		return;
	atomic_store(&bridge->screen.asked, false);
	grab_take(&bridge->grab);
	screen_publish(&bridge->screen);
	double pause = (io_now() - begin) * FRAME_COSTS;
	bridge->picture_at = begin + (pause > FRAME_S ? pause : FRAME_S);
}

static void work(struct bridge *bridge)
{
	display_guard_begin(&bridge->display);
	bool same = take_events(bridge);
	take_input(bridge);
	take_picture(bridge);
	xcb_flush(bridge->display.connection);
	/* Round trips may have read events that no descriptor tells of any more. */
	same = take_events(bridge) && same;
	xcb_flush(bridge->display.connection);
	display_guard_end();
	if (!same) {
		let_go(bridge);
		bridge->hold_at = 0;
	}
}

/* ---- the loop ---- */

static void sooner(double *when, double other)
{
	if (other < *when)
		*when = other;
}

static struct timespec time_left(const struct bridge *bridge, bool greeting)
{
	double now = io_now(), when = now + 1;
	if (picture_is_wanted(bridge))
		sooner(&when, bridge->picture_at);
	if (greeting)
		sooner(&when, now + GREETING_S);
	if (bridge->link.state == LINK_GONE)
		sooner(&when, bridge->link_at);
	if (may_hold(bridge) && !bridge_holds(bridge))
		sooner(&when, bridge->hold_at);
	long nanoseconds = when > now ? (long)((when - now) * 1e9) : 0;
	return (struct timespec){nanoseconds / 1000000000, nanoseconds % 1000000000};
}

/* True while there is a reason to go on. `greeting`: somebody connects just now. */
static bool look_at_viewers(struct bridge *bridge, bool *greeting)
{
	int connected;
	int viewers = screen_viewers(&bridge->screen, &connected);
	double now = io_now();
	bridge->wanted = viewers > 0;
	*greeting = connected > viewers;
	screen_set_greeting(&bridge->screen, *greeting);
	if (connected && bridge->alone_until < now + bridge->linger_s)
		bridge->alone_until = now + bridge->linger_s;
	return now < bridge->alone_until && bridge->link.state != LINK_OVER;
}

/* False: it is asked to end. */
static bool await(struct bridge *bridge, bool greeting)
{
	struct pollfd waits[4 + CONTROL_FDS] = {
		{.fd = bridge->input.wake, .events = POLLIN},
		{.fd = bridge->link.fd, .events = POLLIN},
		{.fd = bridge_holds(bridge) ? xcb_get_file_descriptor(bridge->display.connection)
					    : -1,
			.events = POLLIN},
		{.fd = bridge->signals, .events = POLLIN},
	};
	control_fds(&bridge->control, waits + 4);
	const struct timespec limit = time_left(bridge, greeting);
	if (ppoll(waits, array_len(waits), &limit, NULL) < 0)
		return true;
	if (waits[1].revents)
		link_read(&bridge->link);
	control_serve(&bridge->control, waits + 4, bridge);
	return !waits[3].revents;
}

void bridge_run(struct bridge *bridge)
{
	bool greeting = false;
	for (bool wanted = true; wanted && look_at_viewers(bridge, &greeting);) {
		if (bridge->link.state == LINK_GONE && io_now() >= bridge->link_at)
			look_for_session(bridge);
		bridge_settle(bridge);
		if (bridge_holds(bridge))
			work(bridge);
		else
			take_input(bridge);
		wanted = await(bridge, greeting);
	}
	if (bridge_holds(bridge))
		let_go(bridge);
}

/* ---- the beginning ---- */

static void on_copied(void *data, const char *text)
{
	screen_send_text(data, text);
}

void bridge_expect_viewer(struct bridge *bridge)
{
	double linger = bridge->linger_s > FIRST_VIEWER_S ? bridge->linger_s : FIRST_VIEWER_S;
	bridge->alone_until = io_now() + linger;
}

int bridge_init(struct bridge *bridge, const struct bridge_options *options, struct err *err)
{
	*bridge = (struct bridge){.linger_s = options->linger_s};
	link_init(&bridge->link, options->session_dir);
	bridge->signals = signals_open(err);
	if (bridge->signals < 0 || link_connect(&bridge->link, err) < 0)
		return -1;
	if (input_init(&bridge->input, err) < 0 ||
		screen_init(&bridge->screen, options->name, bridge->link.width, bridge->link.height,
			&bridge->input, err) < 0 ||
		door_open(&bridge->door, options->dir, &bridge->screen, err) < 0 ||
		control_open(&bridge->control, options->dir, err) < 0)
		return -1;
	bridge->clip.copied = on_copied;
	bridge->clip.data = &bridge->screen;
	bridge_expect_viewer(bridge);
	return 0;
}
