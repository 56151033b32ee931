/*
 * glckpt-record NAME SESSION-DIR FFMPEG FILE RATE FORMAT: films a session's display (film.h).
 *
 * For `glckpt record`, which becomes it, or starts it and reads on descriptor 3 "ok" or one
 * sentence. Outside of every session, as the bridge is: it holds the private X server only while
 * the supervisor allows it (link.h). The film's time is the session's: it stands still over a
 * checkpoint, and from a stop to a restore under the same name. It ends with SIGINT or SIGTERM, or
 * when the session has ended for good.
 */
#define _GNU_SOURCE
#include "base/io.h"
#include "base/log.h"
#include "vnc/cursor.h"
#include "vnc/grab.h"
#include "vnc/link.h"
#include "vnc/record/film.h"
#include "vnc/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <xcb/randr.h>

#define REPORT_FD 3
#define RETRY_S 0.25
#define HOLD_RETRY_S 0.5

struct recorder {
	struct film_options options;
	struct link link;
	struct display display;
	struct grab grab;
	struct memory memory; /* the display's pixels, as large as it is while it is held */
	struct film film;
	bool filming;            /* the film was started */
	int report;              /* who started us waits there; -1: nobody */
	int signals;             /* signals_open() */
	double link_at, hold_at; /* not before this is either tried again */
	double pictured;         /* when the last picture was taken */
};

/* Once; to nobody where nobody listens. */
static void report(struct recorder *recorder, const char *text)
{
	if (recorder->report >= 0) {
		io_write_full(recorder->report, text, strlen(text));
		close(steal_fd(&recorder->report));
	}
}

static bool holds(const struct recorder *recorder)
{
	return recorder->display.connection != NULL;
}

/* ---- the picture ---- */

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* A display that has another size than at first is cut, or has a black edge. */
static void copy_pixels(struct recorder *recorder)
{
	struct film *film = &recorder->film;
	int width = least(film->width, recorder->display.width);
	int height = least(film->height, recorder->display.height);
	for (int y = 0; y < height; y++)
		memcpy(film->picture + (size_t)y * film->width * 4,
			recorder->memory.bytes + (size_t)y * recorder->display.width * 4,
			(size_t)width * 4);
}

/* `from`: alpha, red, green, blue, with alpha multiplied in. */
static void blend(uint8_t *to, uint32_t from)
{
	unsigned rest = 255 - (from >> 24);
	for (int colour = 0; colour < 3; colour++)
		to[colour] = (uint8_t)(((from >> (8 * colour)) & 0xff) + to[colour] * rest / 255);
}

static void draw_cursor(struct film *film, const xcb_xfixes_get_cursor_image_reply_t *cursor)
{
	const uint32_t *pixels = xcb_xfixes_get_cursor_image_cursor_image(cursor);
	int left = cursor->x - cursor->xhot, top = cursor->y - cursor->yhot;
	for (int y = 0; y < cursor->height; y++)
		for (int x = 0; x < cursor->width; x++) {
			int to_x = left + x, to_y = top + y;
			if (to_x < 0 || to_y < 0 || to_x >= film->width || to_y >= film->height)
				continue;
			blend(film->picture + ((size_t)to_y * film->width + to_x) * 4,
				pixels[y * cursor->width + x]);
		}
}

static void on_changed(void *data, int x, int y, int width, int height)
{
}

static struct grab_target target_of(const struct recorder *recorder)
{
	return (struct grab_target){.memory = &recorder->memory,
		.width = recorder->display.width,
		.height = recorder->display.height,
		.told = {on_changed, NULL}};
}

static int take_picture(struct recorder *recorder)
{
	xcb_connection_t *connection = recorder->display.connection;
	xcb_xfixes_get_cursor_image_cookie_t asked = xcb_xfixes_get_cursor_image(connection);
	int result = recorder->grab.dirty ? grab_take(&recorder->grab) : 0;
	scoped_free xcb_xfixes_get_cursor_image_reply_t *cursor =
		xcb_xfixes_get_cursor_image_reply(connection, asked, NULL);
	if (result < 0 || !cursor)
		return -1;
	film_lock(&recorder->film);
	copy_pixels(recorder);
	draw_cursor(&recorder->film, cursor);
	film_unlock(&recorder->film);
	recorder->pictured = io_now();
	return 0;
}

/* ---- holding the display ---- */

static int start_film(struct recorder *recorder, struct err *err)
{
	if (recorder->filming)
		return 0;
	recorder->options.width = recorder->display.width;
	recorder->options.height = recorder->display.height;
	recorder->filming = true;
	return film_start(&recorder->film, &recorder->options, err);
}

static int begin(struct recorder *recorder, struct err *err)
{
	size_t size = (size_t)recorder->display.width * recorder->display.height * 4;
	memory_finish(&recorder->memory);
	if (memory_init(&recorder->memory, size, err) < 0)
		return -1;
	const struct grab_target target = target_of(recorder);
	if (grab_start(&recorder->grab, &recorder->display, &target, err) < 0)
		return -1;
	if (grab_take_all(&recorder->grab) < 0 || take_picture(recorder) < 0)
		return err_set(err, "the private X server gave no picture");
	return 0;
}

static void let_go(struct recorder *recorder)
{
	film_roll(&recorder->film, false);
	display_guard_begin(&recorder->display);
	grab_finish(&recorder->grab);
	display_sync(&recorder->display);
	display_guard_end();
	display_close(&recorder->display);
}

/* Only what concerns the film itself is an error; a display that does not answer may do so later.
 */
static int take_hold(struct recorder *recorder, struct err *err)
{
	struct err later = ERR_INIT;
	const struct link *link = &recorder->link;
	recorder->hold_at = io_now() + HOLD_RETRY_S;
	if (display_open(&recorder->display, link->socket, link->authority, &later) < 0)
		return 0;
	if (start_film(recorder, err) < 0) {
		let_go(recorder);
		return -1;
	}
	display_guard_begin(&recorder->display);
	int result = begin(recorder, &later);
	display_guard_end();
	if (result < 0) {
		log_debug("%s", later.text);
		let_go(recorder);
		return 0;
	}
	film_roll(&recorder->film, true);
	return 0;
}

static int settle(struct recorder *recorder, struct err *err)
{
	bool may = recorder->link.state == LINK_FREE;
	if (holds(recorder) && (!may || display_lost(&recorder->display)))
		let_go(recorder);
	if (!holds(recorder) && may && io_now() >= recorder->hold_at &&
		take_hold(recorder, err) < 0)
		return -1;
	if (!holds(recorder))
		link_released(&recorder->link);
	return 0;
}

/* ---- while it is held ---- */

/* False: it has another size now. */
static bool take_events(struct recorder *recorder)
{
	for (bool same = true;;) {
		scoped_free xcb_generic_event_t *event =
			xcb_poll_for_event(recorder->display.connection);
		if (!event)
			return same;
		const xcb_randr_screen_change_notify_event_t *change = (const void *)event;
		if ((event->response_type & 0x7f) ==
			recorder->display.randr_event + XCB_RANDR_SCREEN_CHANGE_NOTIFY)
			same = change->width == recorder->display.width &&
				change->height == recorder->display.height;
		grab_event(&recorder->grab, event);
	}
}

static double picture_due(const struct recorder *recorder)
{
	return recorder->pictured + 1.0 / recorder->options.rate;
}

static void work(struct recorder *recorder)
{
	display_guard_begin(&recorder->display);
	bool same = take_events(recorder);
	if (same && io_now() >= picture_due(recorder))
		take_picture(recorder);
	/* Round trips may have read events that no descriptor tells of any more. */
	same = take_events(recorder) && same;
	xcb_flush(recorder->display.connection);
	display_guard_end();
	if (same)
		return;
	let_go(recorder);
	recorder->hold_at = 0;
}

/* ---- the loop ---- */

static void look_for_session(struct recorder *recorder)
{
	struct err err = ERR_INIT;
	if (recorder->link.state != LINK_GONE || io_now() < recorder->link_at)
		return;
	recorder->link_at = io_now() + RETRY_S;
	link_connect(&recorder->link, &err);
}

static int time_left(const struct recorder *recorder)
{
	double now = io_now(), when = now + 0.5;
	if (holds(recorder))
		when = picture_due(recorder);
	else if (recorder->link.state == LINK_GONE)
		when = recorder->link_at;
	else if (recorder->link.state == LINK_FREE)
		when = recorder->hold_at;
	return when > now ? (int)((when - now) * 1000) + 1 : 0;
}

/* False: a signal has come. The display's events are looked at when a picture is due. */
static bool await(struct recorder *recorder)
{
	struct pollfd waits[] = {
		{.fd = recorder->signals, .events = POLLIN},
		{.fd = recorder->link.fd, .events = POLLIN},
	};
	if (poll(waits, array_len(waits), time_left(recorder)) < 0)
		return true;
	if (waits[1].revents)
		link_read(&recorder->link);
	return !waits[0].revents;
}

static int run(struct recorder *recorder, struct err *err)
{
	bool wanted = true;
	while (wanted && recorder->link.state != LINK_OVER) {
		look_for_session(recorder);
		if (settle(recorder, err) < 0)
			return -1;
		if (recorder->filming && film_broken(&recorder->film))
			return 0; /* film_end() says why */
		if (recorder->filming && film_begun(&recorder->film))
			report(recorder, "ok");
		if (holds(recorder))
			work(recorder);
		wanted = await(recorder);
	}
	return 0;
}

/* ---- the beginning and the end ---- */

static int print_result(const struct recorder *recorder, bool as_json)
{
	const struct film *film = &recorder->film;
	double seconds = (double)film->frames / film->rate;
	if (!as_json) {
		printf("%s: %.1f s\n", recorder->options.file, seconds);
		return fflush(stdout);
	}
	json_t *result = json_pack("{s:s, s:f, s:I, s:I}", "file", recorder->options.file,
		"seconds", seconds, "frames", (json_int_t)film->frames, "skipped",
		(json_int_t)film->skipped);
	int failed = json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	json_decref(result);
	putchar('\n');
	return failed ? failed : fflush(stdout);
}

static int end(struct recorder *recorder, struct err *err)
{
	if (holds(recorder)) {
		display_guard_begin(&recorder->display);
		take_events(recorder);
		take_picture(recorder);
		display_guard_end();
		film_stop(&recorder->film);
		let_go(recorder);
	}
	return recorder->filming ? film_end(&recorder->film, err) : 0;
}

static int record(struct recorder *recorder, struct err *err)
{
	recorder->signals = signals_open(err);
	if (recorder->signals < 0 || link_connect(&recorder->link, err) < 0)
		return -1;
	int result = run(recorder, err);
	return end(recorder, err) < 0 ? -1 : result;
}

int main(int argc, char **argv)
{
	static struct recorder recorder;
	struct err err = ERR_INIT;
	log_name("glckpt");
	if (argc != 7) {
		log_line("started by `glckpt record`");
		return STATUS_USAGE;
	}
	recorder.options = (struct film_options){
		.ffmpeg = argv[3], .file = argv[4], .rate = (unsigned)atoi(argv[5])};
	recorder.report = fcntl(REPORT_FD, F_GETFD) < 0 ? -1 : REPORT_FD;
	link_init(&recorder.link, argv[2]);
	if (record(&recorder, &err) < 0) {
		report(&recorder, err.text);
		log_line("record: %s", err.text);
		return STATUS_FAILED;
	}
	if (!recorder.filming) {
		log_line("record: %s ended, or this did, before it could be filmed", argv[1]);
		return STATUS_FAILED;
	}
	return print_result(&recorder, !strcmp(argv[6], "json")) == 0 ? STATUS_OK : STATUS_FAILED;
}
