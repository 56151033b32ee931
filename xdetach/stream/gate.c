#include "xdetach/stream/gate.h"

#include "xdetach/engine/proto.h"
#include "xdetach/stream/chunk.h"
#include "xdetach/stream/thread.h"
#include "xdetach/stream/verify.h"

#include <endian.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

/* criu's pagemap-PID.img: two magic numbers, then entries behind their lengths; the first one, a
 * pagemap_head (images/pagemap.proto), says which pages-N.img belongs to it. */
#define PAGEMAP_PREFIX "pagemap-"
#define PAGEMAP_MAX (64u << 20)

enum { MAGICS_SIZE = 8, HEAD_PAGES_ID = 1 };

struct stream_gate {
	const struct stream_index *index;
	const struct stream_file *file;
	int fd;
	unsigned threads;
	stream_gate_fn *passed;
	void *data;

	pthread_mutex_t lock;
	pthread_t thread;
	bool started; /* and not yet joined */
	atomic_bool stop;
	struct err err;
};

/* ---- which file ---- */

/* pagemap-123.img is a process's; pagemap-shmem-123.img is not read before files are opened. */
static bool is_process_map(const char *name)
{
	if (strncmp(name, PAGEMAP_PREFIX, strlen(PAGEMAP_PREFIX)) != 0)
		return false;
	name += strlen(PAGEMAP_PREFIX);
	size_t digits = strspn(name, "0123456789");
	return digits && !strcmp(name + digits, ".img");
}

static bool parse_head(const struct buf *map, uint64_t *pages_id)
{
	uint32_t size;
	struct proto proto;
	struct proto_field field;
	if (map->size < MAGICS_SIZE + sizeof(size))
		return false;
	memcpy(&size, map->data + MAGICS_SIZE, sizeof(size));
	size = le32toh(size);
	if (size > map->size - MAGICS_SIZE - sizeof(size))
		return false;
	proto_init(&proto, map->data + MAGICS_SIZE + sizeof(size), size);
	while (proto_next(&proto, &field)) {
		if (field.number != HEAD_PAGES_ID || field.type != PROTO_VARINT)
			continue;
		*pages_id = field.value;
		return true;
	}
	return false;
}

static const struct stream_file *pages_of(
	const struct stream_gate *gate, const struct stream_file *map)
{
	char name[64];
	uint64_t id;
	scoped_buf struct buf bytes = BUF_INIT;
	if (stream_file_load(gate->fd, map, PAGEMAP_MAX, &bytes, NULL) < 0 ||
		!parse_head(&bytes, &id))
		return NULL;
	snprintf(name, sizeof(name), "pages-%" PRIu64 ".img", id);
	return stream_index_find(gate->index, name);
}

static void choose_file(struct stream_gate *gate)
{
	for (size_t i = 0; i < gate->index->count; i++) {
		const struct stream_file *map = gate->index->files[i];
		const struct stream_file *pages =
			is_process_map(map->name) ? pages_of(gate, map) : NULL;
		if (pages && pages->count && (!gate->file || pages->raw > gate->file->raw))
			gate->file = pages;
	}
}

/* ---- verifying ---- */

static void *run_gate(void *data)
{
	struct stream_gate *gate = data;
	const struct stream_verify_options options = {
		.threads = gate->threads, .skip = gate->file, .stop = &gate->stop};
	stream_index_verify(gate->index, gate->fd, &options, &gate->err);
	return NULL;
}

struct stream_gate *stream_gate_create(
	const struct stream_index *index, int fd, unsigned threads, struct err *err)
{
	struct stream_gate *gate = calloc(1, sizeof(*gate));
	if (!gate) {
		err_set(err, "out of memory");
		return NULL;
	}
	*gate = (struct stream_gate){.index = index, .fd = fd, .threads = threads};
	pthread_mutex_init(&gate->lock, NULL);
	choose_file(gate);
	if (stream_thread_start(&gate->thread, run_gate, gate, err) == 0) {
		gate->started = true;
		return gate;
	}
	stream_gate_destroy(gate);
	return NULL;
}

void stream_gate_set(struct stream_gate *gate, stream_gate_fn *passed, void *data)
{
	gate->passed = passed;
	gate->data = data;
}

const struct stream_file *stream_gate_file(const struct stream_gate *gate)
{
	return gate->file;
}

/* With the lock. */
static void finish_verifying(struct stream_gate *gate)
{
	if (!gate->started)
		return;
	pthread_join(gate->thread, NULL);
	gate->started = false;
	if (gate->stop)
		err_set(&gate->err, "the restore ended before the image was verified");
}

static int result_of(const struct stream_gate *gate, struct err *err)
{
	return err_is_set(&gate->err) ? err_set(err, "%s", gate->err.text) : 0;
}

int stream_gate_pass(struct stream_gate *gate, struct err *err)
{
	pthread_mutex_lock(&gate->lock);
	finish_verifying(gate);
	if (!err_is_set(&gate->err) && gate->passed)
		gate->passed(gate->data, &gate->err);
	gate->passed = NULL;
	int result = result_of(gate, err);
	pthread_mutex_unlock(&gate->lock);
	return result;
}

int stream_gate_check(struct stream_gate *gate, struct err *err)
{
	pthread_mutex_lock(&gate->lock);
	finish_verifying(gate);
	int result = result_of(gate, err);
	pthread_mutex_unlock(&gate->lock);
	return result;
}

void stream_gate_stop(struct stream_gate *gate)
{
	if (gate)
		gate->stop = true;
}

void stream_gate_destroy(struct stream_gate *gate)
{
	if (!gate)
		return;
	gate->stop = true;
	if (gate->started)
		pthread_join(gate->thread, NULL);
	pthread_mutex_destroy(&gate->lock);
	free(gate);
}
