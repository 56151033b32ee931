/*
 * Draws in display lists. GL takes the elements when the list is compiled, whatever becomes of the
 * arrays and buffers: so the log gets a message that brings them all along (ckListDraw).
 */
#include "glproxy/lists_draw.h"

#include "glproxy/lists.h"
#include "hand.h"
#include "wire/draw.h"

#include <stdlib.h>
#include <string.h>

struct draw {
	GLenum mode;
	GLint first;
	GLsizei count;
	GLenum type; /* of the indices; 0: none */
	uint64_t offset;
	GLint basevertex;
	GLuint arrays; /* descriptions that came along */
	bool indices_here;
	const char *data;
	size_t size;
	uint32_t low, high; /* elements that are read */
};

/* ---- the draw as it came ---- */

#define READ(call)            \
	struct wire_##call m; \
	memcpy(&m, message, sizeof(m))

static struct draw read_arrays(const void *message)
{
	READ(glDrawArrays);
	return (struct draw){.mode = m.mode, .first = m.first, .count = m.count};
}

static struct draw read_elements(const void *message)
{
	READ(glDrawElements);
	return (struct draw){.mode = m.mode, .count = m.count, .type = m.type, .offset = m.indices};
}

static struct draw read_range(const void *message)
{
	READ(glDrawRangeElements);
	return (struct draw){.mode = m.mode, .count = m.count, .type = m.type, .offset = m.indices};
}

static struct draw read_base(const void *message)
{
	READ(glDrawElementsBaseVertex);
	return (struct draw){.mode = m.mode,
		.count = m.count,
		.type = m.type,
		.offset = m.indices,
		.basevertex = m.basevertex};
}

static struct draw read_range_base(const void *message)
{
	READ(glDrawRangeElementsBaseVertex);
	return (struct draw){.mode = m.mode,
		.count = m.count,
		.type = m.type,
		.offset = m.indices,
		.basevertex = m.basevertex};
}

static struct draw read_element(const void *message)
{
	READ(glArrayElement);
	return (struct draw){.mode = LISTS_ELEMENT, .first = m.i, .count = 1};
}

static struct draw read_own(const struct exec *x, const void *message)
{
	READ(ckDraw);
	const char *data = exec_peek(x, &m.data);
	return (struct draw){.mode = m.mode,
		.first = m.first,
		.count = m.count,
		.type = m.type,
		.offset = m.offset,
		.basevertex = m.basevertex,
		.arrays = m.arrays & ~WIRE_INDICES_HERE,
		.indices_here = m.arrays & WIRE_INDICES_HERE,
		.data = data,
		.size = data ? m.data.size : 0};
}

/* False for what is no draw. */
static bool read_draw(const struct exec *x, struct draw *draw)
{
	switch (x->opcode) {
	case WIRE_glDrawArrays:
		*draw = read_arrays(x->message);
		return true;
	case WIRE_glDrawElements:
		*draw = read_elements(x->message);
		return true;
	case WIRE_glDrawRangeElements:
		*draw = read_range(x->message);
		return true;
	case WIRE_glDrawElementsBaseVertex:
		*draw = read_base(x->message);
		return true;
	case WIRE_glDrawRangeElementsBaseVertex:
		*draw = read_range_base(x->message);
		return true;
	case WIRE_glArrayElement:
		*draw = read_element(x->message);
		return true;
	case WIRE_ckDraw:
		*draw = read_own(x, x->message);
		return true;
	default:
		return false;
	}
}

/* The parts of a glMultiDraw*: false for what is none, and behind the last. */
static bool read_part(const struct exec *x, GLsizei i, struct draw *draw)
{
	const bool elements = x->opcode == WIRE_glMultiDrawElements;
	if (elements || x->opcode == WIRE_glMultiDrawElementsBaseVertex) {
		struct wire_glMultiDrawElementsBaseVertex m = {0};
		memcpy(&m, x->message,
			elements ? sizeof(struct wire_glMultiDrawElements) : sizeof(m));
		const GLsizei *count = exec_peek(x, &m.count);
		const uint64_t *indices = exec_peek(x, &m.indices);
		const GLint *base = elements ? NULL : exec_peek(x, &m.basevertex);
		const size_t there = m.count.size / sizeof(*count);
		if (!count || !indices || i >= m.drawcount || (size_t)i >= there ||
			(size_t)i >= m.indices.size / sizeof(*indices) ||
			(base && (size_t)i >= m.basevertex.size / sizeof(*base)))
			return false;
		*draw = (struct draw){.mode = m.mode,
			.count = count[i],
			.type = m.type,
			.offset = indices[i],
			.basevertex = base ? base[i] : 0};
		return true;
	}
	struct wire_glMultiDrawArrays m;
	memcpy(&m, x->message, sizeof(m));
	const GLint *first = exec_peek(x, &m.first);
	const GLsizei *count = exec_peek(x, &m.count);
	if (!first || !count || i >= m.drawcount || (size_t)i >= m.first.size / sizeof(*first) ||
		(size_t)i >= m.count.size / sizeof(*count))
		return false;
	*draw = (struct draw){.mode = m.mode, .first = first[i], .count = count[i]};
	return true;
}

/* ---- the elements ---- */

/* What a buffer holds there, zeros beyond its end; NULL without memory. The caller frees. */
static char *read_buffer(struct exec *x, GLuint name, uint64_t at, size_t size)
{
	const GLuint buffer = exec_name(x, NAMES_buffer, name);
	GLint64 whole = 0;
	char *bytes = calloc(1, size + 1);
	exec_errors_take(x);
	x->driver->GetNamedBufferParameteri64v(buffer, GL_BUFFER_SIZE, &whole);
	const uint64_t there = at < (uint64_t)whole ? (uint64_t)whole - at : 0;
	if (bytes && there)
		x->driver->GetNamedBufferSubData(
			buffer, (GLintptr)at, (GLsizeiptr)(there < size ? there : size), bytes);
	while (x->driver->GetError())
		;
	return bytes;
}

static size_t index_bytes(GLenum type)
{
	return type == GL_UNSIGNED_INT ? 4 : type == GL_UNSIGNED_SHORT ? 2 : 1;
}

static uint32_t index_at(GLenum type, const char *indices, GLsizei i)
{
	uint32_t value = 0;
	memcpy(&value, indices + (size_t)i * index_bytes(type), index_bytes(type));
	return value;
}

/* The indices in the program's order; the caller frees. NULL: there are none, or no memory. */
static char *read_indices(struct exec *x, const struct draw *draw)
{
	const size_t size = wire_bytes(draw->count, index_bytes(draw->type));
	if (!draw->type || draw->count <= 0)
		return NULL;
	if (!draw->indices_here)
		return read_buffer(x, x->state.vao->element, draw->offset, size);
	if (draw->offset > draw->size || size > draw->size - draw->offset)
		return NULL;
	char *bytes = malloc(size);
	if (bytes)
		memcpy(bytes, draw->data + draw->offset, size);
	return bytes;
}

static void set_range(const struct exec *x, struct draw *draw, const char *indices)
{
	draw->low = (uint32_t)draw->first;
	draw->high = (uint32_t)(draw->first + (draw->count > 0 ? draw->count - 1 : 0));
	if (!indices)
		return;
	draw->low = UINT32_MAX;
	draw->high = 0;
	for (GLsizei i = 0; i < draw->count; i++) {
		const uint32_t index = index_at(draw->type, indices, i);
		if (x->state.restart && index == x->state.restart_index)
			continue;
		draw->low = index < draw->low ? index : draw->low;
		draw->high = index > draw->high ? index : draw->high;
	}
	draw->low = draw->low > draw->high ? 0 : draw->low + (uint32_t)draw->basevertex;
	draw->high += (uint32_t)draw->basevertex;
}

static const struct wire_client_array *brought(
	const struct draw *draw, unsigned slot, struct wire_client_array *copy)
{
	for (GLuint i = 0; i < draw->arrays && (i + 1) * sizeof(*copy) <= draw->size; i++) {
		memcpy(copy, draw->data + i * sizeof(*copy), sizeof(*copy));
		if (copy->slot == slot && copy->at <= draw->size &&
			copy->bytes <= draw->size - copy->at)
			return copy;
	}
	return NULL;
}

static char *read_array(
	struct exec *x, const struct draw *draw, unsigned slot, struct wire_client_array *array)
{
	const struct wire_vao *vao = x->state.vao;
	const struct wire_format *f = &vao->format[slot];
	const struct wire_binding *b = &vao->binding[f->binding];
	const size_t stride = wire_slot_stride(vao, slot);
	if (brought(draw, slot, array)) {
		char *bytes = malloc(array->bytes + 1);
		if (bytes)
			memcpy(bytes, draw->data + array->at, array->bytes);
		return bytes;
	}
	*array = (struct wire_client_array){.slot = slot,
		.size = f->size,
		.type = f->type,
		.kind = f->kind,
		.stride = (uint32_t)stride,
		.first = stride ? draw->low : 0,
		.bytes = (stride ? (size_t)(draw->high - draw->low) * stride : 0) +
			wire_format_bytes(f)};
	return read_buffer(
		x, b->buffer, b->at + f->relative + (uint64_t)array->first * stride, array->bytes);
}

/* ---- the message ---- */

struct body {
	struct wire_client_array arrays[WIRE_SLOTS];
	GLuint count;
	struct buf bytes;
};

static bool gather(struct exec *x, const struct draw *draw, struct body *body)
{
	const uint64_t enabled = x->state.vao->enabled;
	for (unsigned slot = 0; slot < WIRE_SLOTS; slot++) {
		if (!(enabled >> slot & 1))
			continue;
		struct wire_client_array *array = &body->arrays[body->count];
		scoped_free char *bytes = read_array(x, draw, slot, array);
		if (!bytes)
			return false;
		array->at = body->bytes.size;
		buf_append(&body->bytes, bytes, array->bytes);
		buf_append(&body->bytes, "\0\0\0\0\0\0\0", -body->bytes.size & 7);
		body->count++;
	}
	return !buf_failed(&body->bytes);
}

static void put_draw(
	struct stream *log, struct body *body, const struct draw *draw, const char *indices)
{
	scoped_buf struct buf all = BUF_INIT;
	const size_t head = body->count * sizeof(body->arrays[0]);
	for (GLuint i = 0; i < body->count; i++)
		body->arrays[i].at += head;
	buf_append(&all, body->arrays, head);
	buf_append(&all, body->bytes.data, body->bytes.size);
	const uint64_t offset = all.size;
	if (indices)
		buf_append(&all, indices, wire_bytes(draw->count, index_bytes(draw->type)));
	PUT(log, ckListDraw, .mode = draw->mode, .first = draw->first, .count = draw->count,
		.type = indices ? draw->type : 0, .offset = offset, .basevertex = draw->basevertex,
		.arrays = body->count | (indices ? WIRE_INDICES_HERE : 0), .size = all.size,
		.data = stream_data(log, all.data ? all.data : "", all.size));
}

static void note_one(struct exec *x, struct draw *draw, struct stream *log, const char **lost)
{
	struct body body = {.bytes = BUF_INIT};
	scoped_free char *indices = read_indices(x, draw);
	set_range(x, draw, indices);
	if (draw->high - draw->low < LISTS_ELEMENTS && gather(x, draw, &body))
		put_draw(log, &body, draw, indices);
	else
		*lost = "more elements than can be kept";
	buf_finish(&body.bytes);
}

bool lists_note_draw(struct exec *x, struct stream *log, const char **lost)
{
	struct draw draw;
	if (x->opcode == WIRE_glMultiDrawArrays || x->opcode == WIRE_glMultiDrawElements ||
		x->opcode == WIRE_glMultiDrawElementsBaseVertex) {
		for (GLsizei i = 0; read_part(x, i, &draw); i++)
			note_one(x, &draw, log, lost);
		return true;
	}
	if (!read_draw(x, &draw))
		return false;
	note_one(x, &draw, log, lost);
	return true;
}

/* ---- its execution ---- */

static void enable(const struct driver *gl, unsigned slot, bool on)
{
	static const GLenum arrays[] = {GL_VERTEX_ARRAY, GL_NORMAL_ARRAY, GL_COLOR_ARRAY,
		GL_SECONDARY_COLOR_ARRAY, GL_FOG_COORD_ARRAY, GL_INDEX_ARRAY, GL_EDGE_FLAG_ARRAY};
	if (slot >= WIRE_SLOT_GENERIC && on) {
		gl->EnableVertexAttribArray(slot - WIRE_SLOT_GENERIC);
	} else if (slot >= WIRE_SLOT_GENERIC) {
		gl->DisableVertexAttribArray(slot - WIRE_SLOT_GENERIC);
	} else {
		const bool texture = slot >= WIRE_SLOT_TEXTURE;
		if (!texture && slot >= array_len(arrays))
			return;
		if (texture)
			gl->ClientActiveTexture(GL_TEXTURE0 + slot - WIRE_SLOT_TEXTURE);
		(on ? gl->EnableClientState : gl->DisableClientState)(
			texture ? GL_TEXTURE_COORD_ARRAY : arrays[slot]);
	}
}

static void begin_arrays(struct exec *x, const struct wire_client_array *arrays, GLuint count)
{
	const struct driver *gl = x->driver;
	gl->PushClientAttrib(GL_CLIENT_VERTEX_ARRAY_BIT);
	gl->BindVertexArray(0);
	for (unsigned slot = 0; slot < WIRE_SLOTS; slot++)
		if (x->state.vaos.zero.enabled >> slot & 1)
			enable(gl, slot, false);
	for (GLuint i = 0; i < count; i++) {
		struct wire_client_array array;
		memcpy(&array, &arrays[i], sizeof(array));
		if (array.slot < WIRE_SLOTS)
			enable(gl, array.slot, true);
	}
}

void proxy_ckListDraw(struct exec *x, GLenum mode, GLint first, GLsizei count, GLenum type,
	GLuint64 offset, GLint basevertex, GLuint arrays, GLuint64 size, const void *data)
{
	const GLuint number = arrays & ~WIRE_INDICES_HERE;
	if (!lists_compiling(x) || number > WIRE_SLOTS || !data ||
		number * sizeof(struct wire_client_array) > size) {
		exec_refuse(x, "a message of display lists");
		return;
	}
	begin_arrays(x, data, number);
	proxy_ckDraw(
		x, mode, first, count, type, offset, 1, basevertex, 0, 0, 0, arrays, size, data);
	x->driver->PopClientAttrib();
}
