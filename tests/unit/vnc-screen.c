/* vnc/screen.h: viewers that come and go, without an X server. */
#include "vnc/screen.h"

#include "base/io.h"
#include "base/scope.h"

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

static void test_a_browser_is_closed_from_both_ends(void **state)
{
	static struct screen screen;
	static struct input input;
	struct err err = ERR_INIT;
	int ends[2];
	assert_int_equal(input_init(&input, &err), 0);
	assert_int_equal(screen_init(&screen, "test", 64, 48, &input, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	scoped_fd int browser = ends[0];
	assert_int_equal(io_write_full(browser, upgrade, sizeof(upgrade) - 1), 0);
	screen_admit(&screen, ends[1], PASS_USE);
	close_twice(screen.rfb);
	await_nobody(&screen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_browser_is_closed_from_both_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
