#include "glproxy/look/walk.h"

#include "glproxy/exec.h"
#include "glproxy/snapshot_stream.h"
#include "wire/calls.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void fail(struct walk *walk, const char *what)
{
	if (!walk->in.failed)
		err_set(walk->in.err, "%s", what);
	walk->in.failed = true;
}

int walk_open(struct walk *walk, const struct snapshot_place *place, struct err *err)
{
	*walk = (struct walk){.room = BUF_INIT};
	return snapshot_in_open(&walk->in, place, err);
}

void walk_finish(struct walk *walk)
{
	snapshot_in_finish(&walk->in);
	buf_finish(&walk->room);
}

/* ---- messages ---- */

static bool begin_part(struct walk *walk, struct span record)
{
	const uint32_t whose = span_u32(&record);
	walk->context = whose & ~SNAPSHOT_OF_GROUP;
	walk->of_group = whose & SNAPSHOT_OF_GROUP;
	walk->messages = span_bytes(&record);
	walk->data = span_bytes(&record);
	walk->pieces = span_bytes(&record);
	if (record.failed || walk->pieces.left % sizeof(struct stream_piece))
		fail(walk, "the snapshot has a stream that cannot be");
	return !walk->in.failed;
}

static bool take_message(struct walk *walk)
{
	struct wire_head head;
	struct span *messages = &walk->messages;
	if (messages->left < sizeof(head)) {
		fail(walk, "a stream is cut off");
		return false;
	}
	memcpy(&head, messages->at, sizeof(head));
	const size_t size = (size_t)head.units * 8;
	if (head.opcode >= wire_call_count || !wire_calls[head.opcode].name ||
		size > messages->left || size > sizeof(walk->message) ||
		size < exec_entries[head.opcode].size) {
		fail(walk, "a stream has a message of an impossible length");
		return false;
	}
	memcpy(walk->message, messages->at, size);
	walk->opcode = head.opcode;
	walk->size = size;
	messages->at += size;
	messages->left -= size;
	return true;
}

enum walk_what walk_next(struct walk *walk)
{
	uint32_t tag;
	while (!walk->messages.left) {
		if (walk->in.failed || !snapshot_in_next(&walk->in, &tag, &walk->record))
			return WALK_END;
		if (tag == SNAPSHOT_SURFACE || tag == SNAPSHOT_CONTEXT)
			return tag == SNAPSHOT_SURFACE ? WALK_SURFACE : WALK_CONTEXT;
		if (tag == SNAPSHOT_STREAM && !begin_part(walk, walk->record))
			return WALK_END;
	}
	return !walk->in.failed && take_message(walk) ? WALK_CALL : WALK_END;
}

/* ---- data ---- */

static struct stream_piece piece_at(const struct walk *walk, size_t index)
{
	struct stream_piece piece;
	memcpy(&piece, walk->pieces.at + index * sizeof(piece), sizeof(piece));
	return piece;
}

/* Whether the data are a large piece; else where they are among the small ones. */
static bool find(const struct walk *walk, uint64_t at, struct stream_piece *piece, uint64_t *small)
{
	*small = at;
	for (size_t i = 0; i < walk->pieces.left / sizeof(*piece); i++) {
		*piece = piece_at(walk, i);
		if (piece->at >= at)
			return piece->at == at;
		*small -= wire_align(piece->size);
	}
	return false;
}

static const void *read_piece(struct walk *walk, const struct stream_piece *piece)
{
	buf_clear(&walk->room);
	char *room = walk->in.has_contents ? buf_reserve(&walk->room, piece->size) : NULL;
	if (!room)
		fail(walk, "out of memory");
	else if (contents_get(&walk->in.contents, &piece->hash, room, piece->size, walk->in.err))
		walk->in.failed = true;
	return walk->in.failed ? NULL : room;
}

static const void *read_small(struct walk *walk, uint64_t at, uint64_t size)
{
	if (at <= walk->data.left && size <= walk->data.left - at)
		return walk->data.at + at;
	fail(walk, "the snapshot has data that cannot be");
	return NULL;
}

static const void *read_inline(struct walk *walk, uint64_t at, uint64_t size)
{
	if (at <= walk->size && size <= walk->size - at)
		return walk->message + at;
	fail(walk, "the snapshot has data that cannot be");
	return NULL;
}

const void *walk_data(struct walk *walk, const struct wire_data *data)
{
	struct stream_piece piece;
	uint64_t small;
	if (walk->in.failed || (data->where != WIRE_ARENA && data->where != WIRE_INLINE))
		return NULL;
	if (data->where == WIRE_INLINE)
		return read_inline(walk, data->at, data->size);
	if (!find(walk, data->at, &piece, &small))
		return read_small(walk, small, data->size);
	if (piece.size == data->size)
		return read_piece(walk, &piece);
	fail(walk, "the snapshot has data that cannot be");
	return NULL;
}

/* Parameters that say where their data lie. */
static bool has_place(const struct wire_param *param)
{
	return param->shape >= WIRE_SHAPE_ARRAY && param->shape <= WIRE_SHAPE_OUT;
}

static struct wire_data data_of(const struct walk *walk, const struct wire_param *param)
{
	struct wire_data data;
	memcpy(&data, walk->message + param->at, sizeof(data));
	return data;
}

/* Large pieces by their hash. */
static void add_data(struct walk *walk, XXH3_state_t *sum, const struct wire_data *data)
{
	struct stream_piece piece;
	uint64_t small;
	if (data->where == WIRE_ARENA && find(walk, data->at, &piece, &small)) {
		XXH3_64bits_update(sum, &piece.hash, sizeof(piece.hash));
		return;
	}
	const void *bytes = walk_data(walk, data);
	if (bytes)
		XXH3_64bits_update(sum, bytes, data->size);
	else
		XXH3_64bits_update(sum, &data->at, sizeof(data->at));
}

static void digest(struct walk *walk, XXH3_state_t *sum)
{
	const struct wire_call *call = &wire_calls[walk->opcode];
	const size_t fixed = exec_entries[walk->opcode].size, head = sizeof(struct wire_head);
	char plain[WIRE_MESSAGE_MAX];
	memcpy(plain, walk->message, fixed);
	for (unsigned i = 0; i < call->count; i++)
		if (has_place(&call->params[i]))
			memset(plain + call->params[i].at, 0, sizeof(struct wire_data));
	XXH3_64bits_update(sum, plain + head, fixed - head);
	for (unsigned i = 0; i < call->count; i++) {
		const struct wire_data data = data_of(walk, &call->params[i]);
		if (has_place(&call->params[i]))
			add_data(walk, sum, &data);
	}
}

uint64_t walk_digest(struct walk *walk)
{
	XXH3_state_t *sum = XXH3_createState();
	uint64_t result = 0;
	if (sum) {
		XXH3_64bits_reset(sum);
		digest(walk, sum);
		result = XXH3_64bits_digest(sum);
	} else {
		fail(walk, "out of memory");
	}
	XXH3_freeState(sum);
	return result;
}

uint64_t walk_bytes(const struct walk *walk)
{
	const struct wire_call *call = &wire_calls[walk->opcode];
	uint64_t bytes = 0;
	for (unsigned i = 0; i < call->count; i++) {
		const struct wire_data data = data_of(walk, &call->params[i]);
		if (has_place(&call->params[i]) &&
			(data.where == WIRE_ARENA || data.where == WIRE_INLINE))
			bytes += data.size;
	}
	return bytes;
}
