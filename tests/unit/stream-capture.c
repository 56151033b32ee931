/* stream-capture: a made-up criu dumps, as it should and as it should not, and finds its files
 * again. */
#define _GNU_SOURCE
#include "base/io.h"
#include "tests/fake_criu.h"
#include "xdetach/stream/format.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

/* ---- round trips ---- */

static void serve_all(void)
{
	struct stream_serve *serve = fake_begin_serving();
	int sock = fake_connect("streamer-serve.sock");
	fake_send_name(sock, "no-such.img");
	fake_read_reply(sock, false);
	for (size_t i = 0; i < FAKE_SAMPLES; i++)
		fake_expect_served(sock, i);
	close(sock);
	fake_end_serving(serve);
}

static void note_progress(uint64_t done, uint64_t total, void *data)
{
	assert_true(done <= total);
	*(bool *)data = done == total;
}

static void round_trip(enum stream_compression compression, bool hold)
{
	bool complete = false;
	struct err err = ERR_INIT;
	struct stat st;
	struct stream_stats stats;
	struct fake_listed listed = {0};
	fake_make_image(compression, hold, &stats);
	assert_int_equal(stats.files, FAKE_SAMPLES + 1);
	assert_int_equal(stat(fake_image, &st), 0);
	assert_int_equal(stats.stored_bytes, st.st_size);
	if (compression == STREAM_ZSTD)
		assert_true(stats.stored_bytes < stats.raw_bytes * 3 / 4);
	assert_int_equal(stream_verify(fake_image, 2, note_progress, &complete, &err), 0);
	assert_true(complete);
	assert_int_equal(stream_list(fake_image, fake_count_file, &listed, &err), 0);
	assert_int_equal(listed.files, FAKE_SAMPLES + 1);
	assert_int_equal(listed.raw, stats.raw_bytes);
	for (size_t i = 0; i < FAKE_SAMPLES; i++)
		fake_expect_extracted(i);
	serve_all();
}

static void round_trip_auto(void **state)
{
	round_trip(STREAM_AUTO, false);
}

static void round_trip_auto_held(void **state)
{
	round_trip(STREAM_AUTO, true);
}

static void round_trip_zstd(void **state)
{
	round_trip(STREAM_ZSTD, false);
}

static void round_trip_zstd_held(void **state)
{
	round_trip(STREAM_ZSTD, true);
}

static void round_trip_raw(void **state)
{
	round_trip(STREAM_RAW, false);
}

static void round_trip_raw_held(void **state)
{
	round_trip(STREAM_RAW, true);
}

static void names_may_be_long(void **state)
{
	char name[STREAM_NAME_MAX + 1];
	struct err err = ERR_INIT;
	struct stream_capture *capture = fake_begin_capture(STREAM_AUTO, false, 0);
	memset(name, 'n', STREAM_NAME_MAX);
	name[STREAM_NAME_MAX] = '\0';
	int sock = fake_connect("streamer-capture.sock");
	int fd = fake_open_dumped(sock, name, true);
	assert_int_equal(io_write_full(fd, "text", 4), 0);
	close(fd);
	close(sock);
	assert_int_equal(stream_capture_finish(capture, NULL, &err), 0);
	stream_capture_destroy(capture);
	scoped_buf struct buf bytes = BUF_INIT;
	assert_int_equal(stream_extract(fake_image, name, &bytes, &err), 0);
	assert_string_equal(bytes.data, "text");
	assert_int_equal(stream_extract(fake_image, "other", &bytes, &err), -1);
	assert_non_null(strstr(err.text, "there is no other in it"));
}

/* ---- settling ---- */

/* criu waits in its plugin; a pipe may still be open then. */
static void settle_needs_no_end(void **state)
{
	struct err err = ERR_INIT;
	scoped_free char *data = malloc(MIB);
	fake_fill(data, MIB, 1);
	struct stream_capture *capture = fake_begin_capture(STREAM_AUTO, true, MIB);
	int sock = fake_connect("streamer-capture.sock");
	fake_dump_sample(sock, FAKE_LARGEST);
	int fd = fake_open_dumped(sock, "open.img", true);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(io_write_full(fd, data, MIB), 0);
		assert_int_equal(stream_capture_settle(capture, &err), 0);
	}
	close(fd);
	close(sock);
	assert_int_equal(stream_capture_finish(capture, NULL, &err), 0);
	stream_capture_destroy(capture);
	fake_expect_extracted(FAKE_LARGEST);
	scoped_buf struct buf bytes = BUF_INIT;
	assert_int_equal(stream_extract(fake_image, "open.img", &bytes, &err), 0);
	assert_int_equal(bytes.size, 4 * MIB);
}

/* Nobody said how much would come: what no buffer is left for goes to the disk meanwhile. */
static void more_than_memory_holds(enum stream_compression compression)
{
	enum { TIMES = 160 };
	struct err err = ERR_INIT;
	struct stream_stats stats;
	scoped_free char *data = malloc(MIB);
	fake_fill(data, MIB, 1);
	struct stream_capture *capture = fake_begin_capture(compression, true, MIB);
	int sock = fake_connect("streamer-capture.sock");
	int fd = fake_open_dumped(sock, "pages-1.img", true);
	for (size_t i = 0; i < TIMES; i++) {
		memcpy(data, &i, sizeof(i));
		assert_int_equal(io_write_full(fd, data, MIB), 0);
	}
	close(fd);
	assert_int_equal(stream_capture_settle(capture, &err), 0);
	close(sock);
	assert_int_equal(stream_capture_finish(capture, &stats, &err), 0);
	stream_capture_destroy(capture);
	assert_int_equal(stats.raw_bytes, TIMES * (uint64_t)MIB);
	scoped_buf struct buf bytes = BUF_INIT;
	assert_int_equal(stream_extract(fake_image, "pages-1.img", &bytes, &err), 0);
	for (size_t i = 0; i < TIMES; i++) {
		memcpy(data, &i, sizeof(i));
		assert_int_equal(memcmp(bytes.data + i * MIB, data, MIB), 0);
	}
}

static void more_than_memory_holds_auto(void **state)
{
	more_than_memory_holds(STREAM_AUTO);
}

static void more_than_memory_holds_zstd(void **state)
{
	more_than_memory_holds(STREAM_ZSTD);
}

/* ---- a criu that misbehaves ---- */

static void expect_capture_fails(struct stream_capture *capture, const char *why)
{
	struct err err = ERR_INIT;
	assert_int_equal(stream_capture_finish(capture, NULL, &err), -1);
	assert_non_null(strstr(err.text, why));
	stream_capture_destroy(capture);
	assert_int_equal(access(fake_image, F_OK), -1);
}

static void criu_never_comes(void **state)
{
	expect_capture_fails(fake_begin_capture(STREAM_AUTO, false, 0), "never asked");
}

static void send_and_fail(const void *bytes, size_t size, const char *why)
{
	struct stream_capture *capture = fake_begin_capture(STREAM_AUTO, false, 0);
	int sock = fake_connect("streamer-capture.sock");
	assert_int_equal(io_write_full(sock, bytes, size), 0);
	close(sock);
	expect_capture_fails(capture, why);
}

static void criu_dies_in_a_request(void **state)
{
	static const char request[] = "\x07\0\0\0\x0a\x05image";
	for (size_t size = 1; size < sizeof(request) - 1; size++)
		send_and_fail(request, size, "in the middle of a request");
	send_and_fail(request, sizeof(request) - 1, "before it sent the pipe of image");
}

static void criu_sends_nonsense(void **state)
{
	send_and_fail("\0\0\0\0", 4, "a request of 0 bytes");
	send_and_fail("\xff\xff\xff\xff", 4, "a request of 4294967295 bytes");
	send_and_fail("\x02\0\0\0\x12\x00", 6, "makes no sense");
	send_and_fail("\x02\0\0\0\x0a\x09", 6, "makes no sense");
	send_and_fail("\x02\0\0\0\x0a\x00", 6, "a name of 0 bytes");
	send_and_fail("\x05\0\0\0\x0a\x03../", 9, "a slash");
}

static void criu_sends_a_file_twice(void **state)
{
	struct stream_capture *capture = fake_begin_capture(STREAM_AUTO, false, 0);
	int sock = fake_connect("streamer-capture.sock");
	close(fake_open_dumped(sock, "twice.img", true));
	close(fake_open_dumped(sock, "twice.img", true));
	close(sock);
	expect_capture_fails(capture, "twice.img twice");
}

static void criu_sends_no_pipe(void **state)
{
	struct stream_capture *capture = fake_begin_capture(STREAM_AUTO, false, 0);
	int sock = fake_connect("streamer-capture.sock");
	fake_send_name(sock, "socket.img");
	fake_send_descriptor(sock, sock);
	close(sock);
	expect_capture_fails(capture, "no pipe");
}

static void capture_ends_at_any_point(void **state)
{
	stream_capture_destroy(fake_begin_capture(STREAM_ZSTD, true, 8 * MIB));
	for (int stage = 0; stage < 4; stage++) {
		struct stream_capture *capture = fake_begin_capture(STREAM_AUTO, stage % 2, MIB);
		int sock = fake_connect("streamer-capture.sock");
		int fd = stage > 0 ? fake_open_dumped(sock, "open.img", true) : -1;
		if (stage > 1)
			fake_dump_sample(sock, FAKE_LARGEST);
		if (stage > 2)
			fake_send_name(sock, "half.img");
		stream_capture_destroy(capture);
		if (fd >= 0)
			close(fd);
		close(sock);
		assert_int_equal(access(fake_image, F_OK), -1);
	}
	stream_capture_destroy(NULL);
}

/* ---- a full disk ---- */

static void *dump_until_refused(void *data)
{
	size_t sent = 0;
	scoped_free char *bytes = malloc(MIB);
	fake_fill(bytes, MIB, 3);
	int sock = fake_connect("streamer-capture.sock");
	int fd = fake_open_dumped(sock, "pages-1.img", true);
	while (sent < 1024 * (size_t)MIB && io_write_full(fd, bytes, MIB) == 0)
		sent += MIB;
	close(fd);
	close(sock);
	*(bool *)data = sent < 1024 * (size_t)MIB;
	return NULL;
}

static void full_disk_ends_criu(void **state)
{
	bool refused = false;
	pthread_t criu;
	struct rlimit before, small = {8 * MIB, RLIM_INFINITY};
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	struct stream_capture *capture = fake_begin_capture(STREAM_RAW, false, 0);
	assert_int_equal(pthread_create(&criu, NULL, dump_until_refused, &refused), 0);
	pthread_join(criu, NULL);
	assert_true(refused);
	struct err err = ERR_INIT;
	assert_int_equal(stream_capture_error(capture, &err), -1);
	expect_capture_fails(capture, strerror(EFBIG));
	setrlimit(RLIMIT_FSIZE, &before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_folder(round_trip_auto),
		in_a_folder(round_trip_auto_held),
		in_a_folder(round_trip_zstd),
		in_a_folder(round_trip_zstd_held),
		in_a_folder(round_trip_raw),
		in_a_folder(round_trip_raw_held),
		in_a_folder(names_may_be_long),
		in_a_folder(settle_needs_no_end),
		in_a_folder(more_than_memory_holds_auto),
		in_a_folder(more_than_memory_holds_zstd),
		in_a_folder(criu_never_comes),
		in_a_folder(criu_dies_in_a_request),
		in_a_folder(criu_sends_nonsense),
		in_a_folder(criu_sends_a_file_twice),
		in_a_folder(criu_sends_no_pipe),
		in_a_folder(capture_ends_at_any_point),
		in_a_folder(full_disk_ends_criu),
	};
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("stream-capture", tests, NULL, NULL);
}
