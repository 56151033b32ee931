/* stream-serve: a made-up criu restores; damage and a shut gate withhold memory from it. */
#define _GNU_SOURCE
#include "base/io.h"
#include "tests/fake_criu.h"
#include "xdetach/stream/format.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- serving ---- */

static int replace(struct buf *bytes, void *data, struct err *err)
{
	if (!data)
		return err_set(err, "not wanted");
	buf_clear(bytes);
	buf_append_text(bytes, data);
	return 0;
}

static void served_file_is_edited(void **state)
{
	char text[] = "other text";
	scoped_buf struct buf bytes = BUF_INIT;
	fake_make_small_image();
	struct stream_serve *serve = fake_begin_serving();
	stream_serve_edit(serve, "text.img", replace, text);
	int sock = fake_connect("streamer-serve.sock");
	scoped_fd int fd = fake_open_served(sock, "text.img");
	assert_int_equal(io_read_all(fd, &bytes, MIB, NULL), 0);
	assert_string_equal(bytes.data, "other text");
	close(steal_fd(&fd));
	fake_expect_served(sock, 1);
	close(sock);
	fake_end_serving(serve);
}

static void failed_edit_is_told(void **state)
{
	char byte;
	struct err err = ERR_INIT;
	fake_make_small_image();
	struct stream_serve *serve = fake_begin_serving();
	stream_serve_edit(serve, "text.img", replace, NULL);
	scoped_fd int sock = fake_connect("streamer-serve.sock");
	fake_send_name(sock, "text.img");
	assert_int_equal(read(sock, &byte, 1), 0);
	assert_int_equal(stream_serve_finish(serve, &err), -1);
	assert_non_null(strstr(err.text, "text.img: not wanted"));
	stream_serve_destroy(serve);
}

static void criu_may_stop_reading(void **state)
{
	char byte;
	fake_make_image(STREAM_AUTO, false, NULL);
	struct stream_serve *serve = fake_begin_serving();
	int sock = fake_connect("streamer-serve.sock");
	int fd = fake_open_served(sock, "pages-1.img");
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	fake_expect_served(sock, FAKE_LARGEST);
	close(sock);
	fake_end_serving(serve);
}

static void serving_ends_at_any_point(void **state)
{
	fake_make_image(STREAM_AUTO, false, NULL);
	stream_serve_destroy(fake_begin_serving());
	struct stream_serve *serve = fake_begin_serving();
	scoped_fd int sock = fake_connect("streamer-serve.sock");
	scoped_fd int fd = fake_open_served(sock, "pages-1.img");
	assert_int_not_equal(fd, -1);
	fake_send_name(sock, "small.img");
	stream_serve_destroy(serve);
	stream_serve_destroy(NULL);
}

static void damage_ends_the_restore(void **state)
{
	struct err err = ERR_INIT;
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_buf struct buf served = BUF_INIT;
	fake_make_image(STREAM_RAW, false, NULL);
	fake_read_image(&bytes);
	bytes.data[bytes.size / 2] ^= 1;
	fake_write_image(bytes.data, bytes.size);
	struct stream_serve *serve = fake_begin_serving();
	int sock = fake_connect("streamer-serve.sock");
	static const char *const large[] = {"chunk.img", "chunk-over.img", "pages-1.img"};
	for (size_t i = 0; i < array_len(large); i++) {
		scoped_fd int fd = fake_open_served(sock, large[i]);
		assert_int_equal(io_read_all(fd, &served, 1 << 30, NULL), 0);
	}
	close(sock);
	assert_int_equal(stream_serve_finish(serve, &err), -1);
	assert_non_null(strstr(err.text, "is damaged"));
	stream_serve_destroy(serve);
}

/* ---- the gate ---- */

struct gate {
	_Atomic int calls;
	bool fails;
};

static int pass_gate(void *data, struct err *err)
{
	struct gate *gate = data;
	gate->calls++;
	return gate->fails ? err_set(err, "the gate stays shut") : 0;
}

static size_t read_memory(int sock)
{
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_fd int fd = fake_open_served(sock, "pages-1.img");
	assert_int_equal(io_read_all(fd, &bytes, 1 << 30, NULL), 0);
	return bytes.size;
}

static void gate_is_passed_once(void **state)
{
	struct gate gate = {0};
	fake_make_image(STREAM_AUTO, false, NULL);
	struct stream_serve *serve = fake_begin_serving();
	stream_serve_gate(serve, pass_gate, &gate);
	int sock = fake_connect("streamer-serve.sock");
	fake_expect_served(sock, 3);
	assert_int_equal(gate.calls, 0);
	assert_int_equal(read_memory(sock), fake_samples[FAKE_LARGEST].size);
	assert_int_equal(gate.calls, 1);
	fake_expect_served(sock, FAKE_LARGEST);
	close(sock);
	fake_end_serving(serve);
	assert_int_equal(gate.calls, 1);
}

static void gate_that_stays_shut_withholds_memory(void **state)
{
	struct err err = ERR_INIT;
	struct gate gate = {.fails = true};
	fake_make_image(STREAM_AUTO, false, NULL);
	struct stream_serve *serve = fake_begin_serving();
	stream_serve_gate(serve, pass_gate, &gate);
	int sock = fake_connect("streamer-serve.sock");
	assert_true(read_memory(sock) < fake_samples[FAKE_LARGEST].size);
	close(sock);
	assert_int_equal(stream_serve_finish(serve, &err), -1);
	assert_non_null(strstr(err.text, "the gate stays shut"));
	stream_serve_destroy(serve);
}

/* What criu never asks for is looked at as well. */
static void gate_is_shut_by_any_damage(void **state)
{
	struct gate gate = {0};
	scoped_buf struct buf bytes = BUF_INIT;
	fake_make_image(STREAM_RAW, false, NULL);
	fake_read_image(&bytes);
	scoped_fd int fd = open(fake_image, O_RDWR | O_CLOEXEC);
	for (size_t at = STREAM_BLOCK; at < bytes.size - 8192; at += bytes.size / 7) {
		struct err err = ERR_INIT;
		char flipped = bytes.data[at] ^ 1;
		assert_int_equal(io_pwrite_full(fd, &flipped, 1, (off_t)at), 0);
		struct stream_serve *serve = fake_begin_serving();
		stream_serve_gate(serve, pass_gate, &gate);
		int sock = fake_connect("streamer-serve.sock");
		assert_true(read_memory(sock) < fake_samples[FAKE_LARGEST].size);
		close(sock);
		assert_int_equal(stream_serve_finish(serve, &err), -1);
		assert_non_null(strstr(err.text, "is damaged"));
		stream_serve_destroy(serve);
		assert_int_equal(io_pwrite_full(fd, bytes.data + at, 1, (off_t)at), 0);
	}
	assert_int_equal(gate.calls, 0);
}

static void image_without_memory_has_its_gate_first(void **state)
{
	struct gate gate = {0};
	fake_make_small_image();
	struct stream_serve *serve = fake_begin_serving();
	stream_serve_gate(serve, pass_gate, &gate);
	int sock = fake_connect("streamer-serve.sock");
	fake_expect_served(sock, 1);
	assert_int_equal(gate.calls, 1);
	close(sock);
	fake_end_serving(serve);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_folder(served_file_is_edited),
		in_a_folder(failed_edit_is_told),
		in_a_folder(criu_may_stop_reading),
		in_a_folder(serving_ends_at_any_point),
		in_a_folder(damage_ends_the_restore),
		in_a_folder(gate_is_passed_once),
		in_a_folder(gate_that_stays_shut_withholds_memory),
		in_a_folder(gate_is_shut_by_any_damage),
		in_a_folder(image_without_memory_has_its_gate_first),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("stream-serve", tests, NULL, NULL);
}
