#include "xdetach/session/gl-counts.h"

#include "base/io.h"
#include "wire/names.h"
#include "wire/ring.h"
#include "xdetach/session/gl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One row of the sum. */
struct row {
	double calls, executing, waits, sleeps, waited;
};

struct sum {
	double frames, bytes;
	struct row rows[WIRE_COUNTED];
};

static void add_row(struct row *row, const struct wire_work *work, const struct wire_waited *waited)
{
	row->calls += (double)work->calls;
	if (work->samples)
		row->executing += (double)work->nanoseconds / 1e9 * (double)work->calls /
			(double)work->samples;
	row->waits += (double)waited->waits;
	row->sleeps += (double)waited->sleeps;
	row->waited += (double)waited->nanoseconds / 1e9;
}

static bool read_at(int fd, void *to, size_t size, uint64_t at)
{
	return pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

/* A file that is no ring of ours adds nothing. */
static void add_ring(struct sum *sum, int fd)
{
	struct wire_ring ring;
	scoped_free struct wire_counts *counts = aligned_alloc(128, sizeof(*counts));
	if (!counts || !read_at(fd, &ring, sizeof(ring), 0) || ring.magic != WIRE_MAGIC ||
		ring.version != WIRE_VERSION ||
		!read_at(fd, counts, sizeof(*counts), wire_ring_bytes() - sizeof(*counts)))
		return;
	sum->frames += (double)ring.frames;
	sum->bytes += (double)ring.tail + (double)counts->data;
	for (unsigned i = 0; i < WIRE_COUNTED; i++)
		add_row(&sum->rows[i], &counts->work[i], &counts->waited[i]);
}

static bool is_ring(const char *name)
{
	return !strcmp(name, "control") || !strncmp(name, "ring-", strlen("ring-"));
}

static void add_process(struct sum *sum, int base, const char *name)
{
	scoped_fd int folder = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	scoped_dir DIR *rings = folder >= 0 ? fdopendir(folder) : NULL;
	if (rings)
		(void)steal_fd(&folder);
	for (const struct dirent *entry; rings && (entry = readdir(rings));) {
		if (!is_ring(entry->d_name))
			continue;
		scoped_fd int fd =
			openat(dirfd(rings), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			add_ring(sum, fd);
	}
}

static void add_processes(struct sum *sum)
{
	scoped_dir DIR *processes = opendir(GL_DIR);
	for (const struct dirent *entry; processes && (entry = readdir(processes));)
		if (entry->d_name[0] == 'p')
			add_process(sum, dirfd(processes), entry->d_name);
}

static const char *name_of(unsigned number)
{
	switch (number) {
	case WIRE_WAIT_RING:
		return "room for messages";
	case WIRE_WAIT_ARENA:
		return "room for data";
	case WIRE_WAIT_HEAP:
		return "blocks of data";
	case WIRE_WAIT_FRAME:
		return "frames to be shown";
	default:
		return wire_opcode_name(number);
	}
}

static void add_to(json_t *total, const char *name, double value)
{
	json_object_set_new(
		total, name, json_real(json_number_value(json_object_get(total, name)) + value));
}

static void say_row(json_t *said, json_t *by_call, unsigned number, const struct row *row)
{
	if (row->calls == 0 && row->waits == 0)
		return;
	add_to(said, "calls", row->calls);
	add_to(said, "waits", row->waits);
	add_to(said, "sleeps", row->sleeps);
	add_to(said, "waited_s", row->waited);
	json_object_set_new(by_call, name_of(number),
		json_pack("{s:f, s:f, s:f, s:f}", "calls", row->calls, "executing_s",
			row->executing, "waits", row->waits, "waited_s", row->waited));
}

json_t *gl_counts(void)
{
	scoped_free struct sum *sum = calloc(1, sizeof(*sum));
	json_t *by_call = json_object();
	json_t *said = json_pack("{s:f, s:f, s:f, s:f, s:f}", "moment", io_now(), "calls", 0.0,
		"waits", 0.0, "sleeps", 0.0, "waited_s", 0.0);
	if (sum)
		add_processes(sum);
	json_object_set_new(said, "frames", json_real(sum ? sum->frames : 0));
	json_object_set_new(said, "bytes", json_real(sum ? sum->bytes : 0));
	for (unsigned i = 0; sum && i < WIRE_COUNTED; i++)
		say_row(said, by_call, i, &sum->rows[i]);
	json_object_set_new(said, "by_call", by_call);
	return said;
}
