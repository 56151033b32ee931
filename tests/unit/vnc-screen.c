/* vnc/screen.h: viewers that come and go, without an X server. */
#include "vnc/screen.h"

#include "base/io.h"
#include "base/scope.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <rfb/rfb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static const char upgrade[] = "GET /secret HTTP/1.1\r\nHost: localhost\r\n"
			      "Origin: http://localhost\r\nUpgrade: websocket\r\n"
			      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/* What a thread that cannot read from the viewer does, and one that cannot write to it. */
static void close_twice(rfbScreenInfoPtr rfb)
{
	rfbClientIteratorPtr iterator = rfbGetClientIterator(rfb);
	rfbClientPtr client = rfbClientIteratorNext(iterator);
	assert_non_null(client);
	rfbCloseClient(client);
	rfbCloseClient(client);
	rfbReleaseClientIterator(iterator);
}

static void await_nobody(const struct screen *screen)
{
	double end = io_now() + 10;
	for (int connected = 1; connected; usleep(1000)) {
		screen_viewers(screen, &connected);
		assert_true(io_now() < end);
	}
}

/* Our end of a connection that says this first. */
static int connect_viewer(struct screen *screen, const void *first, size_t size)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(io_write_full(ends[0], first, size), 0);
	screen_admit(screen, ends[1], PASS_USE);
	return ends[0];
}

static void open_screen(struct screen *screen, struct input *input)
{
	struct err err = ERR_INIT;
	assert_int_equal(input_init(input, &err), 0);
	assert_int_equal(screen_init(screen, "test", 64, 48, input, &err), 0);
}

static void test_a_browser_is_closed_from_both_ends(void **state)
{
	static struct screen screen;
	static struct input input;
	open_screen(&screen, &input);
	scoped_fd int browser = connect_viewer(&screen, upgrade, sizeof(upgrade) - 1);
	close_twice(screen.rfb);
	await_nobody(&screen);
}

/* ---- formats of pixels ---- */

/* Version, no security, shared; and one encoding, for the pointer that moves without end. */
static const char handshake[] = "RFB 003.008\n\x01\x01"
				"\x02\x00\x00\x01\xff\xff\xfe\xff";

/* Reads until the bridge has closed the connection. */
static void *read_all(void *data)
{
	static char rest[65536];
	const int *viewer = data;
	while (recv(*viewer, rest, sizeof(rest), 0) > 0)
		;
	return NULL;
}

static int ask_in_format(int viewer, uint8_t bits)
{
	const struct {
		rfbSetPixelFormatMsg format;
		rfbFramebufferUpdateRequestMsg ask;
	} __attribute__((packed)) message = {
		.format = {.type = rfbSetPixelFormat,
			.format = {.bitsPerPixel = bits,
				.depth = bits,
				.trueColour = 1,
				.redMax = htons(3),
				.greenMax = htons(3),
				.blueMax = htons(3),
				.greenShift = 2,
				.blueShift = 4}},
		.ask = {.type = rfbFramebufferUpdateRequest, .w = htons(64), .h = htons(48)},
	};
	return io_write_full(viewer, &message, sizeof(message));
}

static void test_formats_change_while_pixels_are_sent(void **state)
{
	static struct screen screen;
	static struct input input;
	pthread_t reader;
	open_screen(&screen, &input);
	scoped_fd int viewer = connect_viewer(&screen, handshake, sizeof(handshake) - 1);
	assert_int_equal(pthread_create(&reader, NULL, read_all, &viewer), 0);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(ask_in_format(viewer, i % 2 ? 8 : 32), 0);
	ask_in_format(viewer, 0);
	pthread_join(reader, NULL);
	await_nobody(&screen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_browser_is_closed_from_both_ends),
		cmocka_unit_test(test_formats_change_while_pixels_are_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
