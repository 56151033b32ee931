/* stream: a made-up criu dumps and restores through the image store; its file is cut, flipped and
 * forged. */
#define _GNU_SOURCE
#include "xdetach/stream/stream.h"

#include "base/buf.h"
#include "base/io.h"
#include "xdetach/engine/proto.h"
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmocka.h>

static char folder[64];
static char image[80];
static size_t descriptors;

static size_t count_descriptors(void)
{
	size_t count = 0;
	scoped_dir DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		count++;
	return count;
}

static int set_up(void **state)
{
	strcpy(folder, "/tmp/glckpt-stream-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(image, sizeof(image), "%s/image", folder);
	descriptors = count_descriptors();
	return 0;
}

static int tear_down(void **state)
{
	assert_int_equal(count_descriptors(), descriptors);
	return io_remove_tree(AT_FDCWD, folder, NULL);
}

/* ---- what the files hold ---- */

struct sample {
	const char *name;
	size_t size;
};

#define MIB (1u << 20)

static const struct sample samples[] = {
	{"empty.img", 0},
	{"one-byte.img", 1},
	{"small.img", 65535},
	{"boundary.img", 65536},
	{"over.img", 65537},
	{"chunk.img", 65536 + STREAM_CHUNK},
	{"chunk-over.img", 65536 + STREAM_CHUNK + 1},
	{"pages-1.img", 19 * MIB + 123},
};

/* Stretches that do not compress, that do, and zeros. */
static void fill(char *data, size_t size, unsigned seed)
{
	uint64_t random = 88172645463325252u + seed;
	for (size_t i = 0; i < size; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		switch (i / (3 * MIB) % 3) {
		case 0:
			data[i] = (char)random;
			break;
		case 1:
			data[i] = (char)(i / 64);
			break;
		default:
			data[i] = 0;
		}
	}
}

static char *contents(size_t which)
{
	char *data = malloc(samples[which].size + 1);
	assert_non_null(data);
	fill(data, samples[which].size, (unsigned)which);
	return data;
}

/* ---- a made-up criu ---- */

static int connect_to(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void send_name(int sock, const char *name)
{
	scoped_buf struct buf message = BUF_INIT;
	proto_put_bytes(&message, 1, name, strlen(name));
	uint32_t size = (uint32_t)message.size;
	assert_int_equal(io_write_full(sock, &size, sizeof(size)), 0);
	assert_int_equal(io_write_full(sock, message.data, message.size), 0);
}

static void send_descriptor(int sock, int fd)
{
	char byte = 0;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	sendmsg(sock, &message, MSG_NOSIGNAL);
}

/* Our end of a new pipe. */
static int open_stream(int sock, const char *name, bool dump)
{
	int ends[2];
	send_name(sock, name);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	send_descriptor(sock, ends[dump ? 0 : 1]);
	close(ends[dump ? 0 : 1]);
	return ends[dump ? 1 : 0];
}

static void dump_sample(int sock, size_t which)
{
	scoped_free char *data = contents(which);
	scoped_fd int fd = open_stream(sock, samples[which].name, true);
	assert_int_equal(io_write_full(fd, data, samples[which].size), 0);
}

/* criu's pagemap-10.img, whose head says that pages-1.img is its memory. */
static void dump_map(int sock)
{
	static const char map[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x01";
	scoped_fd int fd = open_stream(sock, "pagemap-10.img", true);
	assert_int_equal(io_write_full(fd, map, sizeof(map) - 1), 0);
}

static void dump_samples(void)
{
	scoped_fd int sock = connect_to("streamer-capture.sock");
	dump_map(sock);
	for (size_t i = 0; i < array_len(samples); i++)
		dump_sample(sock, i);
}

static struct stream_capture *begin(
	enum stream_compression compression, bool hold, uint64_t expected)
{
	struct err err = ERR_INIT;
	struct stream_capture_options options = {
		.threads = 2, .compression = compression, .hold = hold, .expected = expected};
	struct stream_capture *capture = stream_capture_create(folder, image, &options, &err);
	assert_string_equal(err.text, "");
	assert_non_null(capture);
	return capture;
}

static void make_image(enum stream_compression compression, bool hold, struct stream_stats *stats)
{
	struct err err = ERR_INIT;
	struct stream_capture *capture = begin(compression, hold, hold ? 16 * MIB : 0);
	dump_samples();
	assert_int_equal(stream_capture_settle(capture, &err), 0);
	assert_int_equal(stream_capture_finish(capture, stats, &err), 0);
	assert_string_equal(err.text, "");
	stream_capture_destroy(capture);
}

/* A few small files, for tests that look at every byte. */
static void make_small_image(void)
{
	struct err err = ERR_INIT;
	struct stream_capture *capture = begin(STREAM_AUTO, false, 0);
	int sock = connect_to("streamer-capture.sock");
	for (size_t i = 0; i < 2; i++)
		dump_sample(sock, i);
	int fd = open_stream(sock, "text.img", true);
	assert_int_equal(io_write_full(fd, "some text that is long enough to be looked at", 45), 0);
	close(fd);
	close(sock);
	assert_int_equal(stream_capture_finish(capture, NULL, &err), 0);
	stream_capture_destroy(capture);
}

static void read_image(struct buf *bytes)
{
	assert_int_equal(io_read_file(AT_FDCWD, image, bytes, 1 << 30, NULL), 0);
}

static void write_image(const void *data, size_t size)
{
	scoped_fd int fd = open(image, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(io_write_full(fd, data, size), 0);
}

/* ---- round trips ---- */

static void expect_extracted(size_t which)
{
	struct err err = ERR_INIT;
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_free char *data = contents(which);
	assert_int_equal(stream_extract(image, samples[which].name, &bytes, &err), 0);
	assert_int_equal(bytes.size, samples[which].size);
	assert_true(bytes.size == 0 || !memcmp(bytes.data, data, bytes.size));
}

static void read_reply(int sock, bool exists)
{
	uint8_t reply[6];
	const uint8_t wanted[6] = {2, 0, 0, 0, 8, exists};
	assert_int_equal(io_read_full(sock, reply, sizeof(reply)), 0);
	assert_memory_equal(reply, wanted, sizeof(reply));
}

static int open_served(int sock, const char *name)
{
	int ends[2];
	send_name(sock, name);
	read_reply(sock, true);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	send_descriptor(sock, ends[1]);
	close(ends[1]);
	return ends[0];
}

static void expect_served(int sock, size_t which)
{
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_free char *data = contents(which);
	scoped_fd int fd = open_served(sock, samples[which].name);
	assert_int_equal(io_read_all(fd, &bytes, 1 << 30, NULL), 0);
	assert_int_equal(bytes.size, samples[which].size);
	assert_true(bytes.size == 0 || !memcmp(bytes.data, data, bytes.size));
}

static struct stream_serve *begin_serving(void)
{
	struct err err = ERR_INIT;
	struct stream_serve *serve = stream_serve_create(folder, image, 2, &err);
	assert_string_equal(err.text, "");
	assert_non_null(serve);
	return serve;
}

static void end_serving(struct stream_serve *serve)
{
	struct err err = ERR_INIT;
	assert_int_equal(stream_serve_finish(serve, &err), 0);
	assert_string_equal(err.text, "");
	stream_serve_destroy(serve);
}

static void serve_all(void)
{
	struct stream_serve *serve = begin_serving();
	int sock = connect_to("streamer-serve.sock");
	send_name(sock, "no-such.img");
	read_reply(sock, false);
	for (size_t i = 0; i < array_len(samples); i++)
		expect_served(sock, i);
	close(sock);
	end_serving(serve);
}

struct listed {
	size_t files;
	uint64_t raw;
};

static void count_file(const char *name, uint64_t raw, uint64_t stored, void *data)
{
	struct listed *listed = data;
	listed->files++;
	listed->raw += raw;
	assert_true(stored <= raw);
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
	struct listed listed = {0};
	make_image(compression, hold, &stats);
	assert_int_equal(stats.files, array_len(samples) + 1);
	assert_int_equal(stat(image, &st), 0);
	assert_int_equal(stats.stored_bytes, st.st_size);
	if (compression == STREAM_ZSTD)
		assert_true(stats.stored_bytes < stats.raw_bytes * 3 / 4);
	assert_int_equal(stream_verify(image, 2, note_progress, &complete, &err), 0);
	assert_true(complete);
	assert_int_equal(stream_list(image, count_file, &listed, &err), 0);
	assert_int_equal(listed.files, array_len(samples) + 1);
	assert_int_equal(listed.raw, stats.raw_bytes);
	for (size_t i = 0; i < array_len(samples); i++)
		expect_extracted(i);
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
	struct stream_capture *capture = begin(STREAM_AUTO, false, 0);
	memset(name, 'n', STREAM_NAME_MAX);
	name[STREAM_NAME_MAX] = '\0';
	int sock = connect_to("streamer-capture.sock");
	int fd = open_stream(sock, name, true);
	assert_int_equal(io_write_full(fd, "text", 4), 0);
	close(fd);
	close(sock);
	assert_int_equal(stream_capture_finish(capture, NULL, &err), 0);
	stream_capture_destroy(capture);
	scoped_buf struct buf bytes = BUF_INIT;
	assert_int_equal(stream_extract(image, name, &bytes, &err), 0);
	assert_string_equal(bytes.data, "text");
	assert_int_equal(stream_extract(image, "other", &bytes, &err), -1);
	assert_non_null(strstr(err.text, "there is no other in it"));
}

/* ---- settling ---- */

/* criu waits in its plugin; a pipe may still be open then. */
static void settle_needs_no_end(void **state)
{
	struct err err = ERR_INIT;
	scoped_free char *data = malloc(MIB);
	fill(data, MIB, 1);
	struct stream_capture *capture = begin(STREAM_AUTO, true, MIB);
	int sock = connect_to("streamer-capture.sock");
	dump_sample(sock, array_len(samples) - 1);
	int fd = open_stream(sock, "open.img", true);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(io_write_full(fd, data, MIB), 0);
		assert_int_equal(stream_capture_settle(capture, &err), 0);
	}
	close(fd);
	close(sock);
	assert_int_equal(stream_capture_finish(capture, NULL, &err), 0);
	stream_capture_destroy(capture);
	expect_extracted(array_len(samples) - 1);
	scoped_buf struct buf bytes = BUF_INIT;
	assert_int_equal(stream_extract(image, "open.img", &bytes, &err), 0);
	assert_int_equal(bytes.size, 4 * MIB);
}

/* Nobody said how much would come: what no buffer is left for goes to the disk meanwhile. */
static void more_than_memory_holds(enum stream_compression compression)
{
	enum { TIMES = 160 };
	struct err err = ERR_INIT;
	struct stream_stats stats;
	scoped_free char *data = malloc(MIB);
	fill(data, MIB, 1);
	struct stream_capture *capture = begin(compression, true, MIB);
	int sock = connect_to("streamer-capture.sock");
	int fd = open_stream(sock, "pages-1.img", true);
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
	assert_int_equal(stream_extract(image, "pages-1.img", &bytes, &err), 0);
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
	assert_int_equal(access(image, F_OK), -1);
}

static void criu_never_comes(void **state)
{
	expect_capture_fails(begin(STREAM_AUTO, false, 0), "never asked");
}

static void send_and_fail(const void *bytes, size_t size, const char *why)
{
	struct stream_capture *capture = begin(STREAM_AUTO, false, 0);
	int sock = connect_to("streamer-capture.sock");
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
	struct stream_capture *capture = begin(STREAM_AUTO, false, 0);
	int sock = connect_to("streamer-capture.sock");
	close(open_stream(sock, "twice.img", true));
	close(open_stream(sock, "twice.img", true));
	close(sock);
	expect_capture_fails(capture, "twice.img twice");
}

static void criu_sends_no_pipe(void **state)
{
	struct stream_capture *capture = begin(STREAM_AUTO, false, 0);
	int sock = connect_to("streamer-capture.sock");
	send_name(sock, "socket.img");
	send_descriptor(sock, sock);
	close(sock);
	expect_capture_fails(capture, "no pipe");
}

static void capture_ends_at_any_point(void **state)
{
	stream_capture_destroy(begin(STREAM_ZSTD, true, 8 * MIB));
	for (int stage = 0; stage < 4; stage++) {
		struct stream_capture *capture = begin(STREAM_AUTO, stage % 2, MIB);
		int sock = connect_to("streamer-capture.sock");
		int fd = stage > 0 ? open_stream(sock, "open.img", true) : -1;
		if (stage > 1)
			dump_sample(sock, array_len(samples) - 1);
		if (stage > 2)
			send_name(sock, "half.img");
		stream_capture_destroy(capture);
		if (fd >= 0)
			close(fd);
		close(sock);
		assert_int_equal(access(image, F_OK), -1);
	}
	stream_capture_destroy(NULL);
}

/* ---- a full disk ---- */

static void *dump_until_refused(void *data)
{
	size_t sent = 0;
	scoped_free char *bytes = malloc(MIB);
	fill(bytes, MIB, 3);
	int sock = connect_to("streamer-capture.sock");
	int fd = open_stream(sock, "pages-1.img", true);
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
	struct stream_capture *capture = begin(STREAM_RAW, false, 0);
	assert_int_equal(pthread_create(&criu, NULL, dump_until_refused, &refused), 0);
	pthread_join(criu, NULL);
	assert_true(refused);
	struct err err = ERR_INIT;
	assert_int_equal(stream_capture_error(capture, &err), -1);
	expect_capture_fails(capture, strerror(EFBIG));
	setrlimit(RLIMIT_FSIZE, &before);
}

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
	make_small_image();
	struct stream_serve *serve = begin_serving();
	stream_serve_edit(serve, "text.img", replace, text);
	int sock = connect_to("streamer-serve.sock");
	scoped_fd int fd = open_served(sock, "text.img");
	assert_int_equal(io_read_all(fd, &bytes, MIB, NULL), 0);
	assert_string_equal(bytes.data, "other text");
	close(steal_fd(&fd));
	expect_served(sock, 1);
	close(sock);
	end_serving(serve);
}

static void failed_edit_is_told(void **state)
{
	char byte;
	struct err err = ERR_INIT;
	make_small_image();
	struct stream_serve *serve = begin_serving();
	stream_serve_edit(serve, "text.img", replace, NULL);
	scoped_fd int sock = connect_to("streamer-serve.sock");
	send_name(sock, "text.img");
	assert_int_equal(read(sock, &byte, 1), 0);
	assert_int_equal(stream_serve_finish(serve, &err), -1);
	assert_non_null(strstr(err.text, "text.img: not wanted"));
	stream_serve_destroy(serve);
}

static void criu_may_stop_reading(void **state)
{
	char byte;
	make_image(STREAM_AUTO, false, NULL);
	struct stream_serve *serve = begin_serving();
	int sock = connect_to("streamer-serve.sock");
	int fd = open_served(sock, "pages-1.img");
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	expect_served(sock, array_len(samples) - 1);
	close(sock);
	end_serving(serve);
}

static void serving_ends_at_any_point(void **state)
{
	make_image(STREAM_AUTO, false, NULL);
	stream_serve_destroy(begin_serving());
	struct stream_serve *serve = begin_serving();
	scoped_fd int sock = connect_to("streamer-serve.sock");
	scoped_fd int fd = open_served(sock, "pages-1.img");
	assert_int_not_equal(fd, -1);
	send_name(sock, "small.img");
	stream_serve_destroy(serve);
	stream_serve_destroy(NULL);
}

static void damage_ends_the_restore(void **state)
{
	struct err err = ERR_INIT;
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_buf struct buf served = BUF_INIT;
	make_image(STREAM_RAW, false, NULL);
	read_image(&bytes);
	bytes.data[bytes.size / 2] ^= 1;
	write_image(bytes.data, bytes.size);
	struct stream_serve *serve = begin_serving();
	int sock = connect_to("streamer-serve.sock");
	static const char *const large[] = {"chunk.img", "chunk-over.img", "pages-1.img"};
	for (size_t i = 0; i < array_len(large); i++) {
		scoped_fd int fd = open_served(sock, large[i]);
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
	scoped_fd int fd = open_served(sock, "pages-1.img");
	assert_int_equal(io_read_all(fd, &bytes, 1 << 30, NULL), 0);
	return bytes.size;
}

static void gate_is_passed_once(void **state)
{
	struct gate gate = {0};
	make_image(STREAM_AUTO, false, NULL);
	struct stream_serve *serve = begin_serving();
	stream_serve_gate(serve, pass_gate, &gate);
	int sock = connect_to("streamer-serve.sock");
	expect_served(sock, 3);
	assert_int_equal(gate.calls, 0);
	assert_int_equal(read_memory(sock), samples[array_len(samples) - 1].size);
	assert_int_equal(gate.calls, 1);
	expect_served(sock, array_len(samples) - 1);
	close(sock);
	end_serving(serve);
	assert_int_equal(gate.calls, 1);
}

static void gate_that_stays_shut_withholds_memory(void **state)
{
	struct err err = ERR_INIT;
	struct gate gate = {.fails = true};
	make_image(STREAM_AUTO, false, NULL);
	struct stream_serve *serve = begin_serving();
	stream_serve_gate(serve, pass_gate, &gate);
	int sock = connect_to("streamer-serve.sock");
	assert_true(read_memory(sock) < samples[array_len(samples) - 1].size);
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
	make_image(STREAM_RAW, false, NULL);
	read_image(&bytes);
	scoped_fd int fd = open(image, O_RDWR | O_CLOEXEC);
	for (size_t at = STREAM_BLOCK; at < bytes.size - 8192; at += bytes.size / 7) {
		struct err err = ERR_INIT;
		char flipped = bytes.data[at] ^ 1;
		assert_int_equal(io_pwrite_full(fd, &flipped, 1, (off_t)at), 0);
		struct stream_serve *serve = begin_serving();
		stream_serve_gate(serve, pass_gate, &gate);
		int sock = connect_to("streamer-serve.sock");
		assert_true(read_memory(sock) < samples[array_len(samples) - 1].size);
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
	make_small_image();
	struct stream_serve *serve = begin_serving();
	stream_serve_gate(serve, pass_gate, &gate);
	int sock = connect_to("streamer-serve.sock");
	expect_served(sock, 1);
	assert_int_equal(gate.calls, 1);
	close(sock);
	end_serving(serve);
}

/* ---- damaged files ---- */

static void expect_damaged(void)
{
	struct err err = ERR_INIT;
	assert_int_equal(stream_verify(image, 2, NULL, NULL, &err), -1);
	assert_true(strlen(err.text) > strlen(image));
}

static void every_flipped_byte_is_found(void **state)
{
	scoped_buf struct buf bytes = BUF_INIT;
	make_small_image();
	read_image(&bytes);
	scoped_fd int fd = open(image, O_RDWR | O_CLOEXEC);
	for (size_t at = 0; at < bytes.size; at++) {
		char flipped = bytes.data[at] ^ 0x10;
		assert_int_equal(io_pwrite_full(fd, &flipped, 1, (off_t)at), 0);
		expect_damaged();
		assert_int_equal(io_pwrite_full(fd, bytes.data + at, 1, (off_t)at), 0);
	}
	struct err err = ERR_INIT;
	assert_int_equal(stream_verify(image, 2, NULL, NULL, &err), 0);
}

static void flipped_bytes_of_a_large_file_are_found(void **state)
{
	scoped_buf struct buf bytes = BUF_INIT;
	make_image(STREAM_AUTO, false, NULL);
	read_image(&bytes);
	scoped_fd int fd = open(image, O_RDWR | O_CLOEXEC);
	for (size_t at = 7; at < bytes.size; at += bytes.size / 37) {
		char flipped = bytes.data[at] ^ 1;
		assert_int_equal(io_pwrite_full(fd, &flipped, 1, (off_t)at), 0);
		expect_damaged();
		assert_int_equal(io_pwrite_full(fd, bytes.data + at, 1, (off_t)at), 0);
	}
}

static void every_cut_is_found(void **state)
{
	scoped_buf struct buf bytes = BUF_INIT;
	make_small_image();
	read_image(&bytes);
	for (size_t size = bytes.size; size-- > 0;) {
		assert_int_equal(truncate(image, (off_t)size), 0);
		expect_damaged();
	}
	write_image(bytes.data, bytes.size);
	scoped_fd int fd = open(image, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(io_write_full(fd, "", 1), 0);
	expect_damaged();
}

/* ---- forged files ---- */

/* An index of our own behind `space` bytes of extents. */
static void forge(struct stream_index *index, uint64_t space)
{
	uint8_t header[STREAM_BLOCK];
	struct err err = ERR_INIT;
	scoped_buf struct buf bytes = BUF_INIT;
	stream_format_header(header);
	index->end = STREAM_BLOCK + space;
	scoped_free char *extents = calloc(1, space + 1);
	assert_int_equal(stream_format_index(index, &bytes, &err), 0);
	scoped_fd int fd = open(image, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(io_write_full(fd, header, sizeof(header)), 0);
	assert_int_equal(io_write_full(fd, extents, space), 0);
	assert_int_equal(io_write_full(fd, bytes.data, bytes.size), 0);
}

static void forge_chunks(const struct stream_chunk *chunks, size_t count, uint64_t space)
{
	struct stream_index index = {0};
	struct stream_file *file = stream_index_add(&index, "forged.img");
	for (size_t i = 0; i < count; i++)
		stream_file_set(file, i, &chunks[i]);
	forge(&index, space);
	stream_index_finish(&index);
}

static void expect_refused(const char *why)
{
	struct err err = ERR_INIT;
	struct listed listed = {0};
	assert_int_equal(stream_list(image, count_file, &listed, &err), -1);
	assert_non_null(strstr(err.text, why));
}

static void sizes_that_disagree_are_refused(void **state)
{
	const struct stream_chunk good = {.offset = STREAM_BLOCK,
		.raw = 100,
		.stored = 100,
		.extent = 100,
		.kind = STREAM_KIND_RAW};
	struct stream_chunk bad[10];
	struct listed listed = {0};
	forge_chunks(&good, 1, 100);
	assert_int_equal(stream_list(image, count_file, &listed, NULL), 0);
	for (size_t i = 0; i < array_len(bad); i++)
		bad[i] = good;
	bad[0].raw = 0;
	bad[1].raw = STREAM_CHUNK + 1;
	bad[2].stored = 99;
	bad[3].extent = 99;
	bad[4].extent = 5000;
	bad[5].kind = 0;
	bad[6].kind = STREAM_KIND_ZERO;
	bad[7].offset = 0;
	bad[8].offset = UINT64_MAX - 50;
	bad[9].offset = STREAM_BLOCK + 1;
	for (size_t i = 0; i < array_len(bad); i++) {
		forge_chunks(&bad[i], 1, 100);
		expect_refused("damaged");
	}
}

static void overlaps_gaps_and_twins_are_refused(void **state)
{
	struct stream_chunk chunks[2] = {
		{.offset = 4096, .raw = 64, .stored = 64, .extent = 64, .kind = STREAM_KIND_RAW},
		{.offset = 4160, .raw = 64, .stored = 64, .extent = 64, .kind = STREAM_KIND_RAW}};
	forge_chunks(chunks, 2, 128);
	assert_int_equal(stream_list(image, count_file, &(struct listed){0}, NULL), 0);
	chunks[1].offset = 4150;
	forge_chunks(chunks, 2, 128);
	expect_refused("overlap");
	chunks[1].offset = 4170;
	forge_chunks(chunks, 2, 138);
	expect_refused("gap");
	chunks[1].offset = 4160;
	forge_chunks(chunks, 2, 200);
	expect_refused("without an owner");
	struct stream_index index = {0};
	stream_index_add(&index, "twin.img");
	stream_index_add(&index, "twin.img");
	forge(&index, 0);
	stream_index_finish(&index);
	expect_refused("twin.img twice");
}

static void names_that_lead_away_are_refused(void **state)
{
	static const char *const names[] = {"a/b", "../x", ""};
	for (size_t i = 0; i < array_len(names); i++) {
		struct stream_index index = {0};
		stream_index_add(&index, names[i]);
		forge(&index, 0);
		stream_index_finish(&index);
		expect_refused("damaged");
	}
}

/* Sets the checksum at the end of a structure. */
static void seal(char *data, size_t size)
{
	uint64_t sum = XXH3_64bits(data, size - sizeof(sum));
	memcpy(data + size - sizeof(sum), &sum, sizeof(sum));
}

static void newer_version_is_refused(void **state)
{
	scoped_buf struct buf bytes = BUF_INIT;
	make_small_image();
	read_image(&bytes);
	bytes.data[8] = STREAM_VERSION + 1;
	seal(bytes.data, STREAM_BLOCK);
	write_image(bytes.data, bytes.size);
	expect_refused("format version 2 is not known here");
}

static void put_u64(char *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void unknown_tag_is_skipped(void **state)
{
	enum { TRAILER = 64 };
	uint64_t offset;
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_buf struct buf longer = BUF_INIT;
	make_small_image();
	read_image(&bytes);
	char trailer[TRAILER];
	memcpy(trailer, bytes.data + bytes.size - TRAILER, TRAILER);
	memcpy(&offset, trailer + 16, sizeof(offset));
	buf_append(&longer, bytes.data, bytes.size - TRAILER);
	buf_append(&longer, "NEW!\x03\0\0\0abc", 11);
	put_u64(trailer + 24, longer.size - offset);
	put_u64(trailer + 32, XXH3_64bits(longer.data + offset, longer.size - offset));
	put_u64(trailer + 40, longer.size + TRAILER);
	seal(trailer, TRAILER);
	buf_append(&longer, trailer, TRAILER);
	write_image(longer.data, longer.size);
	struct err err = ERR_INIT;
	assert_int_equal(stream_verify(image, 2, NULL, NULL, &err), 0);
	expect_extracted(1);
}

static void seal_tells_files_apart(void **state)
{
	char first[STREAM_SEAL_SIZE], again[STREAM_SEAL_SIZE], other[STREAM_SEAL_SIZE];
	struct err err = ERR_INIT;
	make_small_image();
	assert_int_equal(stream_seal(image, first, &err), 0);
	assert_int_equal(stream_seal(image, again, &err), 0);
	assert_string_equal(first, again);
	assert_int_equal(unlink(image), 0);
	make_image(STREAM_RAW, false, NULL);
	assert_int_equal(stream_seal(image, other, &err), 0);
	assert_string_not_equal(first, other);
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
		in_a_folder(served_file_is_edited),
		in_a_folder(failed_edit_is_told),
		in_a_folder(criu_may_stop_reading),
		in_a_folder(serving_ends_at_any_point),
		in_a_folder(damage_ends_the_restore),
		in_a_folder(gate_is_passed_once),
		in_a_folder(gate_that_stays_shut_withholds_memory),
		in_a_folder(gate_is_shut_by_any_damage),
		in_a_folder(image_without_memory_has_its_gate_first),
		in_a_folder(every_flipped_byte_is_found),
		in_a_folder(flipped_bytes_of_a_large_file_are_found),
		in_a_folder(every_cut_is_found),
		in_a_folder(sizes_that_disagree_are_refused),
		in_a_folder(overlaps_gaps_and_twins_are_refused),
		in_a_folder(names_that_lead_away_are_refused),
		in_a_folder(newer_version_is_refused),
		in_a_folder(unknown_tag_is_skipped),
		in_a_folder(seal_tells_files_apart),
	};
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
