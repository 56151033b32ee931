/*
 * Feeds the bridge what a hostile viewer might send: RFB after the handshake, to libvncserver with
 * the bridge's own handlers for keys, pointer, clipboard and size behind it; and what a hostile
 * browser might ask for. Build and run with `make fuzz-viewer`.
 *
 * Each input is one connection to a small screen, from beginning to end, so that what is left of
 * one that went wrong is seen as well.
 */
#define _GNU_SOURCE
#include "vnc/http.h"
#include "vnc/screen.h"

#include "base/scope.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WIDTH 48
#define HEIGHT 32

/* Version, no security, shared: then messages as the input has them. */
static const char handshake[] = "RFB 003.008\n\x01\x01";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libvncserver (0.9.14) forgets an iterator whenever a viewer sets the size of the screen. */
const char *__lsan_default_suppressions(void)
{
	return "leak:rfbGetClientIterator\n";
}

static struct screen screen;
static struct input input;

static void start_once(void)
{
	static bool started;
	if (started)
		return;
	started = true;
	if (input_init(&input, NULL) < 0 ||
		screen_init(&screen, "fuzz", WIDTH, HEIGHT, &input, NULL) < 0)
		abort();
	screen_set_limits(&screen, 2 * WIDTH, 2 * HEIGHT);
}

/* What the main thread would be given must be what its headers promise. */
static void check_input(void)
{
	struct input_event event;
	while (input_take(&input, &event)) {
		bool sized = event.kind == INPUT_SIZE;
		if (sized &&
			(event.x < 1 || event.x > 2 * WIDTH || event.y < 1 || event.y > 2 * HEIGHT))
			abort();
		if (event.kind != INPUT_TEXT && event.text)
			abort();
		free(event.text);
	}
}

static void check_nothing_was_done(void)
{
	if (input_waits(&input))
		abort();
}

/* Looks after the viewers now and then, as the bridge does. */
static void await_something(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	while (poll(&wait, 1, 100) == 0)
		screen_viewers(&screen, NULL);
}

static void read_to_the_end(int fd)
{
	char rest[65536];
	for (await_something(fd); recv(fd, rest, sizeof(rest), 0) > 0; await_something(fd))
		screen_changed(&screen, 0, 0, WIDTH, HEIGHT);
}

static void await_that_it_has_gone(void)
{
	int connected = 1;
	while (screen_viewers(&screen, &connected) >= 0 && connected)
		poll(NULL, 0, 1);
}

static void connect_once(const uint8_t *data, size_t size, enum pass_right right)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	scoped_fd int ours = pair[0];
	if (send(ours, handshake, sizeof(handshake) - 1, 0) < 0 ||
		send(ours, data, size, MSG_NOSIGNAL) < 0)
		abort();
	shutdown(ours, SHUT_WR);
	screen_admit(&screen, pair[1], right);
	read_to_the_end(ours);
	await_that_it_has_gone();
}

static void ask_for_a_page(const uint8_t *data, size_t size)
{
	struct http_request request;
	scoped_free char *text = strndup((const char *)data, size);
	if (text)
		http_parse(text, &request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start_once();
	ask_for_a_page(data, size);
	connect_once(data, size, PASS_USE);
	check_input();
	connect_once(data, size, PASS_LOOK);
	check_nothing_was_done();
	return 0;
}
