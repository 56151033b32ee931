#include "glproxy/replay.h"

#include "glproxy/context.h"
#include "glproxy/lists.h"
#include "glproxy/snapshot_stream.h"
#include "hand.h"
#include "wire/names.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* A ring that is a stream's: nothing is waited for. */
struct replay {
	struct wire_ring ring;
	char reply[WIRE_REPLY_SIZE];
};

/* The first arguments, for the sentence of an error. */
static const char *first_words(const struct exec *x, char *text, size_t size)
{
	uint32_t words[3] = {0};
	memcpy(words, x->message + sizeof(struct wire_head), sizeof(words));
	snprintf(text, size, " (0x%x 0x%x 0x%x ...)", words[0], words[1], words[2]);
	return text;
}

/* What another driver may not know. All that the program was told of, it knows (told_check()): the
 * rest was never set, and is what it is by default. Not so for contents and for what is in use. */
static bool may_be_unknown(unsigned opcode)
{
	static const char *const states[] = {"glDisable*", "gl*Parameter*", "glMinSampleShading",
		"glHint", "glPixelStore*", "glClipControl", "glClampColor", "glPrimitive*",
		"glPolygonOffsetClamp", "glBindImageTexture*", "glBindBuffer*", "glDepthBounds*",
		"glSampleMask*", "glBlendBarrier*", "glMatrixLoad*"};
	const char *name = wire_opcode_name(opcode);
	for (size_t i = 0; name && i < array_len(states); i++)
		if (!fnmatch(states[i], name, 0))
			return true;
	return false;
}

static int judge(struct exec *x, unsigned opcode, struct err *err)
{
	char words[64];
	/* Inside of glBegin and glEnd a driver cannot be asked. */
	GLenum error = x->error;
	if (!x->in_begin && !lists_compiling(x) && !error)
		error = x->driver->GetError();
	if (x->broken)
		return err_set(
			err, "context %u: %s is refused", x->context->id, wire_opcode_name(opcode));
	if (x->lenient)
		x->error = GL_NO_ERROR;
	else if (error && !(x->foreign && may_be_unknown(opcode)))
		return err_set(err, "context %u: %s makes error 0x%x%s", x->context->id,
			wire_opcode_name(opcode), error, first_words(x, words, sizeof(words)));
	else
		x->error = GL_NO_ERROR;
	return 0;
}

static int replay_one(struct exec *x, struct span *messages, struct err *err)
{
	struct wire_head head;
	if (messages->left < sizeof(head))
		return err_set(err, "a stream is cut off");
	memcpy(&head, messages->at, sizeof(head));
	const size_t size = (size_t)head.units * 8;
	if (!size || size > messages->left || size > sizeof(x->message))
		return err_set(err, "a stream has a message of an impossible length");
	memcpy(x->message, messages->at, size);
	messages->at += size;
	messages->left -= size;
	exec_replay(x, size);
	return judge(x, head.opcode, err);
}

int replay_stream(
	struct exec *x, struct span messages, char *arena, size_t arena_size, struct err *err)
{
	scoped_free struct replay *ring = aligned_alloc(128, (sizeof(*ring) + 127) / 128 * 128);
	const struct wire_mapping before = x->map;
	const GLenum pending = x->error;
	const bool inner = x->inner, noting = x->noting;
	int status = 0;
	if (!ring)
		return err_set(err, "out of memory");
	memset(ring, 0, sizeof(*ring));
	exec_changes(x, x->message);
	x->inner = true;
	x->noting = false;
	x->error = GL_NO_ERROR;
	x->map = (struct wire_mapping){.shared = &ring->ring,
		.reply = ring->reply,
		.arena = arena,
		.counts = before.counts,
		.arena_size = arena_size};
	while (!status && messages.left)
		status = replay_one(x, &messages, err);
	x->map = before;
	x->arena_end = 0;
	x->replied = false;
	x->error = pending;
	x->inner = inner;
	x->noting = noting;
	return status;
}

/* What executes changes data in place: it gets a copy. */
void replay_quietly(struct exec *x, const struct stream *stream)
{
	const struct span messages = {.at = stream->messages.data, .left = stream->messages.size};
	scoped_buf struct buf arena = BUF_INIT;
	buf_append(&arena, stream->data.data, stream->data.size);
	x->lenient = true;
	if (!buf_failed(&arena))
		replay_stream(x, messages, arena.data, arena.size + 1, NULL);
	x->lenient = false;
}

void proxy_ckLenient(struct exec *x, GLboolean on)
{
	x->lenient = on;
}
