#define _GNU_SOURCE
#include "tests/fake_criu.h"

#include "base/io.h"
#include "xdetach/engine/proto.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

char fake_folder[64];
char fake_image[80];
static size_t descriptors;

static size_t count_descriptors(void)
{
	size_t count = 0;
	scoped_dir DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		count++;
	return count;
}

int fake_set_up(void **state)
{
	strcpy(fake_folder, "/tmp/glckpt-stream-XXXXXX");
	if (!mkdtemp(fake_folder))
		return -1;
	snprintf(fake_image, sizeof(fake_image), "%s/image", fake_folder);
	descriptors = count_descriptors();
	return 0;
}

int fake_tear_down(void **state)
{
	assert_int_equal(count_descriptors(), descriptors);
	return io_remove_tree(AT_FDCWD, fake_folder, NULL);
}

/* ---- what the files hold ---- */

const struct fake_sample fake_samples[FAKE_SAMPLES] = {
	{"empty.img", 0},
	{"one-byte.img", 1},
	{"small.img", 65535},
	{"boundary.img", 65536},
	{"over.img", 65537},
	{"chunk.img", 65536 + STREAM_CHUNK},
	{"chunk-over.img", 65536 + STREAM_CHUNK + 1},
	{"pages-1.img", 19 * MIB + 123},
};

void fake_fill(char *data, size_t size, unsigned seed)
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

char *fake_contents(size_t which)
{
	char *data = malloc(fake_samples[which].size + 1);
	assert_non_null(data);
	fake_fill(data, fake_samples[which].size, (unsigned)which);
	return data;
}
/* ---- a made-up criu ---- */

int fake_connect(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fake_folder, name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void fake_send_name(int sock, const char *name)
{
	scoped_buf struct buf message = BUF_INIT;
	proto_put_bytes(&message, 1, name, strlen(name));
	uint32_t size = (uint32_t)message.size;
	assert_int_equal(io_write_full(sock, &size, sizeof(size)), 0);
	assert_int_equal(io_write_full(sock, message.data, message.size), 0);
}

void fake_send_descriptor(int sock, int fd)
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

int fake_open_dumped(int sock, const char *name, bool dump)
{
	int ends[2];
	fake_send_name(sock, name);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fake_send_descriptor(sock, ends[dump ? 0 : 1]);
	close(ends[dump ? 0 : 1]);
	return ends[dump ? 1 : 0];
}

void fake_dump_sample(int sock, size_t which)
{
	scoped_free char *data = fake_contents(which);
	scoped_fd int fd = fake_open_dumped(sock, fake_samples[which].name, true);
	assert_int_equal(io_write_full(fd, data, fake_samples[which].size), 0);
}

/* criu's pagemap-10.img, whose head says that pages-1.img is its memory. */
static void dump_map(int sock)
{
	static const char map[] = "\x19\x43\x56\x54\x25\x40\x08\x56\x02\0\0\0\x08\x01";
	scoped_fd int fd = fake_open_dumped(sock, "pagemap-10.img", true);
	assert_int_equal(io_write_full(fd, map, sizeof(map) - 1), 0);
}

static void dump_samples(void)
{
	scoped_fd int sock = fake_connect("streamer-capture.sock");
	dump_map(sock);
	for (size_t i = 0; i < FAKE_SAMPLES; i++)
		fake_dump_sample(sock, i);
}

struct stream_capture *fake_begin_capture(
	enum stream_compression compression, bool hold, uint64_t expected)
{
	struct err err = ERR_INIT;
	struct stream_capture_options options = {
		.threads = 2, .compression = compression, .hold = hold, .expected = expected};
	struct stream_capture *capture =
		stream_capture_create(fake_folder, fake_image, &options, &err);
	assert_string_equal(err.text, "");
	assert_non_null(capture);
	return capture;
}

void fake_make_image(enum stream_compression compression, bool hold, struct stream_stats *stats)
{
	struct err err = ERR_INIT;
	struct stream_capture *capture = fake_begin_capture(compression, hold, hold ? 16 * MIB : 0);
	dump_samples();
	assert_int_equal(stream_capture_settle(capture, &err), 0);
	assert_int_equal(stream_capture_finish(capture, stats, &err), 0);
	assert_string_equal(err.text, "");
	stream_capture_destroy(capture);
}

void fake_make_small_image(void)
{
	struct err err = ERR_INIT;
	struct stream_capture *capture = fake_begin_capture(STREAM_AUTO, false, 0);
	int sock = fake_connect("streamer-capture.sock");
	for (size_t i = 0; i < 2; i++)
		fake_dump_sample(sock, i);
	int fd = fake_open_dumped(sock, "text.img", true);
	assert_int_equal(io_write_full(fd, "some text that is long enough to be looked at", 45), 0);
	close(fd);
	close(sock);
	assert_int_equal(stream_capture_finish(capture, NULL, &err), 0);
	stream_capture_destroy(capture);
}

void fake_read_image(struct buf *bytes)
{
	assert_int_equal(io_read_file(AT_FDCWD, fake_image, bytes, 1 << 30, NULL), 0);
}

void fake_write_image(const void *data, size_t size)
{
	scoped_fd int fd = open(fake_image, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(io_write_full(fd, data, size), 0);
}

/* ---- what comes back ---- */

void fake_count_file(const char *name, uint64_t raw, uint64_t stored, void *data)
{
	struct fake_listed *listed = data;
	listed->files++;
	listed->raw += raw;
	assert_true(stored <= raw);
}

void fake_expect_extracted(size_t which)
{
	struct err err = ERR_INIT;
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_free char *data = fake_contents(which);
	assert_int_equal(stream_extract(fake_image, fake_samples[which].name, &bytes, &err), 0);
	assert_int_equal(bytes.size, fake_samples[which].size);
	assert_true(bytes.size == 0 || !memcmp(bytes.data, data, bytes.size));
}

void fake_read_reply(int sock, bool exists)
{
	uint8_t reply[6];
	const uint8_t wanted[6] = {2, 0, 0, 0, 8, exists};
	assert_int_equal(io_read_full(sock, reply, sizeof(reply)), 0);
	assert_memory_equal(reply, wanted, sizeof(reply));
}

int fake_open_served(int sock, const char *name)
{
	int ends[2];
	fake_send_name(sock, name);
	fake_read_reply(sock, true);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fake_send_descriptor(sock, ends[1]);
	close(ends[1]);
	return ends[0];
}

void fake_expect_served(int sock, size_t which)
{
	scoped_buf struct buf bytes = BUF_INIT;
	scoped_free char *data = fake_contents(which);
	scoped_fd int fd = fake_open_served(sock, fake_samples[which].name);
	assert_int_equal(io_read_all(fd, &bytes, 1 << 30, NULL), 0);
	assert_int_equal(bytes.size, fake_samples[which].size);
	assert_true(bytes.size == 0 || !memcmp(bytes.data, data, bytes.size));
}

struct stream_serve *fake_begin_serving(void)
{
	struct err err = ERR_INIT;
	struct stream_serve *serve = stream_serve_create(fake_folder, fake_image, 2, &err);
	assert_string_equal(err.text, "");
	assert_non_null(serve);
	return serve;
}

void fake_end_serving(struct stream_serve *serve)
{
	struct err err = ERR_INIT;
	assert_int_equal(stream_serve_finish(serve, &err), 0);
	assert_string_equal(err.text, "");
	stream_serve_destroy(serve);
}
