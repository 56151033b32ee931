/*
 * Draws. Most are passed on as they are; one that reads arrays or indices from the program's memory
 * takes them along (message ckDraw, wire/draw.h).
 */
#include "glshim/call.h"

#include "entries.h"
#include "messages.h"
#include "wire/draw.h"

#include <string.h>

/* One draw, in the most general terms GL has. */
struct draw {
	GLenum mode;
	GLint first;
	GLsizei count;
	GLenum type; /* of the indices; 0: none */
	const void *indices;
	GLsizei instances;
	GLint basevertex;
	GLuint baseinstance;
};

struct range {
	uint32_t low, high; /* elements that are read */
	bool any;
};

static size_t index_bytes(GLenum type)
{
	switch (type) {
	case GL_UNSIGNED_BYTE:
		return 1;
	case GL_UNSIGNED_SHORT:
		return 2;
	case GL_UNSIGNED_INT:
		return 4;
	default:
		return 0;
	}
}

#define SCAN(name, type)                                                                      \
	static struct range name(const type *indices, GLsizei count, bool skip, type restart) \
	{                                                                                     \
		struct range range = {UINT32_MAX, 0, false};                                  \
		for (GLsizei i = 0; i < count; i++) {                                         \
			const uint32_t index = indices[i];                                    \
			if (skip && indices[i] == restart)                                    \
				continue;                                                     \
			range.low = index < range.low ? index : range.low;                    \
			range.high = index > range.high ? index : range.high;                 \
			range.any = true;                                                     \
		}                                                                             \
		return range;                                                                 \
	}

SCAN(scan_bytes, uint8_t)
SCAN(scan_shorts, uint16_t)
SCAN(scan_ints, uint32_t)

static struct range scan(
	const struct wire_state *st, GLenum type, GLsizei count, const void *indices)
{
	const bool skip = st->restart || st->restart_fixed;
	const uint32_t restart = st->restart_fixed ? UINT32_MAX : st->restart_index;
	switch (type) {
	case GL_UNSIGNED_BYTE:
		return scan_bytes(indices, count, skip && (st->restart_fixed || restart < 256),
			(uint8_t)restart);
	case GL_UNSIGNED_SHORT:
		return scan_shorts(indices, count, skip && (st->restart_fixed || restart < 65536),
			(uint16_t)restart);
	default:
		return scan_ints(indices, count, skip, restart);
	}
}

/* Indices in a buffer that the program's arrays are read by: the buffer has to be looked at. */
static struct range scan_buffer(struct shim_context *self, const struct draw *draw)
{
	struct range range = {0, 0, false};
	const size_t size = wire_bytes(draw->count, index_bytes(draw->type));
	char part[4096];
	for (size_t at = 0; at < size; at += sizeof(part)) {
		const size_t bytes = size - at < sizeof(part) ? size - at : sizeof(part);
		shim_glGetBufferSubData(GL_ELEMENT_ARRAY_BUFFER,
			(GLintptr)(uintptr_t)draw->indices + (GLintptr)at, (GLsizeiptr)bytes, part);
		const struct range piece = scan(
			&self->state, draw->type, (GLsizei)(bytes / index_bytes(draw->type)), part);
		if (!piece.any)
			continue;
		range.low = range.any && range.low < piece.low ? range.low : piece.low;
		range.high = range.any && range.high > piece.high ? range.high : piece.high;
		range.any = true;
	}
	return range;
}

static struct range elements_of(struct shim_context *self, const struct draw *draw)
{
	if (!draw->type)
		return (struct range){(uint32_t)draw->first,
			(uint32_t)draw->first + (uint32_t)draw->count - 1, true};
	struct range range = self->state.vao->element
		? scan_buffer(self, draw)
		: scan(&self->state, draw->type, draw->count, draw->indices);
	range.low += (uint32_t)draw->basevertex;
	range.high += (uint32_t)draw->basevertex;
	return range;
}

/* The description of a slot's elements; `at` is filled in by the caller. */
static struct wire_client_array describe(
	const struct wire_vao *vao, unsigned slot, const struct draw *draw, struct range range)
{
	const struct wire_format *format = &vao->format[slot];
	const struct wire_binding *binding = &vao->binding[format->binding];
	const size_t stride = wire_slot_stride(vao, slot);
	uint32_t low = range.low, high = range.high;
	if (binding->divisor) {
		low = draw->baseinstance;
		high = low +
			(uint32_t)(draw->instances > 0 ? draw->instances - 1 : 0) /
				binding->divisor;
	}
	return (struct wire_client_array){
		.slot = slot,
		.size = format->size,
		.type = format->type,
		.kind = format->kind,
		.stride = (uint32_t)stride,
		.first = stride ? low : 0,
		.bytes = (stride ? (size_t)(high - low) * stride : 0) + wire_format_bytes(format),
	};
}

static const char *source_of(const struct wire_vao *vao, const struct wire_client_array *array)
{
	const struct wire_format *format = &vao->format[array->slot];
	return (const char *)(uintptr_t)vao->binding[format->binding].at + format->relative +
		(size_t)array->first * array->stride;
}

/* Interleaved arrays lie in each other's elements: those that begin within the first one's stride
 * are taken along with it. */
static unsigned describe_all(const struct wire_vao *vao, const struct draw *draw,
	struct range range, struct wire_client_array *arrays)
{
	unsigned count = 0;
	for (unsigned slot = 0; slot < WIRE_SLOTS; slot++)
		if (vao->client >> slot & 1)
			arrays[count++] = describe(vao, slot, draw, range);
	return count;
}

/* Gives each array its place in the data. Arrays whose elements interleave share one copy: `from`
 * and `bytes` of the copies are returned. */
struct copy {
	const char *from;
	size_t bytes;
	uint64_t at;
	uint32_t stride;
	uint32_t first;
};

static struct copy *find_copy(struct copy *copies, unsigned count,
	const struct wire_client_array *array, const char *from)
{
	for (unsigned i = 0; i < count; i++) {
		struct copy *copy = &copies[i];
		const ptrdiff_t apart = from - copy->from;
		if (copy->stride == array->stride && copy->first == array->first && array->stride &&
			apart > -(ptrdiff_t)array->stride && apart < (ptrdiff_t)array->stride)
			return copy;
	}
	return NULL;
}

static void widen(struct copy *copy, const char *from, size_t bytes)
{
	const char *end = copy->from + copy->bytes;
	const char *new_end = from + bytes;
	copy->from = from < copy->from ? from : copy->from;
	copy->bytes = (size_t)((new_end > end ? new_end : end) - copy->from);
}

/* Which bytes of the program's memory are copied: returns the number of copies. */
static unsigned plan(const struct wire_vao *vao, struct wire_client_array *arrays, unsigned count,
	struct copy *copies, struct copy **of)
{
	unsigned copied = 0;
	for (unsigned i = 0; i < count; i++) {
		const char *from = source_of(vao, &arrays[i]);
		struct copy *copy = find_copy(copies, copied, &arrays[i], from);
		if (copy) {
			widen(copy, from, arrays[i].bytes);
		} else {
			copy = &copies[copied++];
			*copy = (struct copy){
				from, arrays[i].bytes, 0, arrays[i].stride, arrays[i].first};
		}
		of[i] = copy;
	}
	return copied;
}

static void send_draw(struct shim_context *self, const struct draw *draw)
{
	struct wire_vao *vao = self->state.vao;
	struct wire_client_array arrays[WIRE_SLOTS];
	struct copy copies[WIRE_SLOTS], *of[WIRE_SLOTS];
	struct range range = {0, 0, true};
	if (vao->client)
		range = elements_of(self, draw);
	const bool here = draw->type && !vao->element;
	const unsigned count = range.any ? describe_all(vao, draw, range, arrays) : 0;
	const unsigned copied = plan(vao, arrays, count, copies, of);
	const size_t described = count * sizeof(arrays[0]);
	const size_t indices = here ? wire_bytes(draw->count, index_bytes(draw->type)) : 0;
	size_t size = described + wire_align(indices);
	for (unsigned i = 0; i < copied; i++) {
		copies[i].at = size;
		size += wire_align(copies[i].bytes);
	}
	for (unsigned i = 0; i < count; i++)
		arrays[i].at = of[i]->at + (size_t)(source_of(vao, &arrays[i]) - of[i]->from);
	struct shim_data place;
	struct wire_ckDraw *message =
		shim_put_data(&place, self, WIRE_ckDraw, sizeof(*message), wire_align(size));
	message->mode = draw->mode;
	message->first = draw->first;
	message->count = draw->count;
	message->type = draw->type;
	message->offset = here ? described : (uintptr_t)draw->indices;
	message->instances = draw->instances;
	message->basevertex = draw->basevertex;
	message->baseinstance = draw->baseinstance;
	message->start = range.low;
	message->end = range.high;
	message->arrays = count | (here ? WIRE_INDICES_HERE : 0);
	message->size = size;
	message->data = shim_in_room(&place, size);
	char *data = shim_data_address(&place, &message->data);
	if (data) {
		memcpy(data, arrays, described);
		if (indices)
			memcpy(data + described, draw->indices, indices);
		for (unsigned i = 0; i < copied; i++)
			memcpy(data + copies[i].at, copies[i].from, copies[i].bytes);
	}
	shim_publish(self);
}

/* Whether a draw must take something along. Erroneous ones are the driver's to refuse. */
static bool takes_along(const struct shim_context *self, const struct draw *draw)
{
	const struct wire_vao *vao = self->state.vao;
	if (__builtin_expect(!vao->client && (!draw->type || vao->element), 1))
		return false;
	if (draw->count <= 0 || draw->first < 0 || draw->instances < 0 ||
		(draw->type && !index_bytes(draw->type)))
		return false;
	return vao->client || draw->indices;
}

void shim_glDrawArrays(GLenum mode, GLint first, GLsizei count)
{
	const struct draw draw = {.mode = mode, .first = first, .count = count, .instances = 1};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawArrays(mode, first, count);
}

void shim_glDrawArraysInstanced(GLenum mode, GLint first, GLsizei count, GLsizei instancecount)
{
	const struct draw draw = {
		.mode = mode, .first = first, .count = count, .instances = instancecount};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawArraysInstanced(mode, first, count, instancecount);
}

void shim_glDrawArraysInstancedBaseInstance(
	GLenum mode, GLint first, GLsizei count, GLsizei instancecount, GLuint baseinstance)
{
	const struct draw draw = {.mode = mode,
		.first = first,
		.count = count,
		.instances = instancecount,
		.baseinstance = baseinstance};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawArraysInstancedBaseInstance(
			mode, first, count, instancecount, baseinstance);
}

void shim_glDrawElements(GLenum mode, GLsizei count, GLenum type, const void *indices)
{
	const struct draw draw = {
		.mode = mode, .count = count, .type = type, .indices = indices, .instances = 1};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawElements(mode, count, type, indices);
}

void shim_glDrawRangeElements(
	GLenum mode, GLuint start, GLuint end, GLsizei count, GLenum type, const void *indices)
{
	const struct draw draw = {
		.mode = mode, .count = count, .type = type, .indices = indices, .instances = 1};
	if (end >= start && takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawRangeElements(mode, start, end, count, type, indices);
}

void shim_glDrawElementsBaseVertex(
	GLenum mode, GLsizei count, GLenum type, const void *indices, GLint basevertex)
{
	const struct draw draw = {.mode = mode,
		.count = count,
		.type = type,
		.indices = indices,
		.instances = 1,
		.basevertex = basevertex};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawElementsBaseVertex(mode, count, type, indices, basevertex);
}

void shim_glDrawRangeElementsBaseVertex(GLenum mode, GLuint start, GLuint end, GLsizei count,
	GLenum type, const void *indices, GLint basevertex)
{
	const struct draw draw = {.mode = mode,
		.count = count,
		.type = type,
		.indices = indices,
		.instances = 1,
		.basevertex = basevertex};
	if (end >= start && takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawRangeElementsBaseVertex(
			mode, start, end, count, type, indices, basevertex);
}

void shim_glDrawElementsInstanced(
	GLenum mode, GLsizei count, GLenum type, const void *indices, GLsizei instancecount)
{
	const struct draw draw = {.mode = mode,
		.count = count,
		.type = type,
		.indices = indices,
		.instances = instancecount};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawElementsInstanced(mode, count, type, indices, instancecount);
}

void shim_glDrawElementsInstancedBaseVertex(GLenum mode, GLsizei count, GLenum type,
	const void *indices, GLsizei instancecount, GLint basevertex)
{
	const struct draw draw = {.mode = mode,
		.count = count,
		.type = type,
		.indices = indices,
		.instances = instancecount,
		.basevertex = basevertex};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawElementsInstancedBaseVertex(
			mode, count, type, indices, instancecount, basevertex);
}

void shim_glDrawElementsInstancedBaseInstance(GLenum mode, GLsizei count, GLenum type,
	const void *indices, GLsizei instancecount, GLuint baseinstance)
{
	const struct draw draw = {.mode = mode,
		.count = count,
		.type = type,
		.indices = indices,
		.instances = instancecount,
		.baseinstance = baseinstance};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawElementsInstancedBaseInstance(
			mode, count, type, indices, instancecount, baseinstance);
}

void shim_glDrawElementsInstancedBaseVertexBaseInstance(GLenum mode, GLsizei count, GLenum type,
	const void *indices, GLsizei instancecount, GLint basevertex, GLuint baseinstance)
{
	const struct draw draw = {.mode = mode,
		.count = count,
		.type = type,
		.indices = indices,
		.instances = instancecount,
		.basevertex = basevertex,
		.baseinstance = baseinstance};
	if (takes_along(shim_current, &draw))
		send_draw(shim_current, &draw);
	else
		send_glDrawElementsInstancedBaseVertexBaseInstance(
			mode, count, type, indices, instancecount, basevertex, baseinstance);
}

/* ---- many draws at once: with arrays in the program's memory each is a draw of its own ---- */

/* Nothing is drawn where one of the counts is negative: the driver says so. */
static bool refused(const GLsizei *count, GLsizei drawcount)
{
	for (GLsizei i = 0; i < drawcount; i++)
		if (count[i] < 0)
			return true;
	return drawcount < 0;
}

void shim_glMultiDrawArrays(
	GLenum mode, const GLint *first, const GLsizei *count, GLsizei drawcount)
{
	if (!shim_current->state.vao->client || refused(count, drawcount)) {
		send_glMultiDrawArrays(mode, first, count, drawcount);
		return;
	}
	for (GLsizei i = 0; i < drawcount; i++)
		shim_glDrawArrays(mode, first[i], count[i]);
}

void shim_glMultiDrawElements(GLenum mode, const GLsizei *count, GLenum type,
	const void *const *indices, GLsizei drawcount)
{
	const struct wire_vao *vao = shim_current->state.vao;
	if ((!vao->client && vao->element) || refused(count, drawcount)) {
		send_glMultiDrawElements(mode, count, type, indices, drawcount);
		return;
	}
	for (GLsizei i = 0; i < drawcount; i++)
		shim_glDrawElements(mode, count[i], type, indices[i]);
}

void shim_glMultiDrawElementsBaseVertex(GLenum mode, const GLsizei *count, GLenum type,
	const void *const *indices, GLsizei drawcount, const GLint *basevertex)
{
	const struct wire_vao *vao = shim_current->state.vao;
	if ((!vao->client && vao->element) || refused(count, drawcount)) {
		send_glMultiDrawElementsBaseVertex(
			mode, count, type, indices, drawcount, basevertex);
		return;
	}
	for (GLsizei i = 0; i < drawcount; i++)
		shim_glDrawElementsBaseVertex(mode, count[i], type, indices[i], basevertex[i]);
}

/* GL_IBM_multimode_draw_arrays: a mode a draw. */
static GLenum mode_at(const GLenum *mode, GLint stride, GLsizei i)
{
	return *(const GLenum *)(const void *)((const char *)mode + (ptrdiff_t)i * stride);
}

void shim_glMultiModeDrawArraysIBM(const GLenum *mode, const GLint *first, const GLsizei *count,
	GLsizei primcount, GLint modestride)
{
	for (GLsizei i = 0; i < primcount; i++)
		if (count[i] > 0)
			shim_glDrawArrays(mode_at(mode, modestride, i), first[i], count[i]);
}

void shim_glMultiModeDrawElementsIBM(const GLenum *mode, const GLsizei *count, GLenum type,
	const void *const *indices, GLsizei primcount, GLint modestride)
{
	for (GLsizei i = 0; i < primcount; i++)
		if (count[i] > 0)
			shim_glDrawElements(
				mode_at(mode, modestride, i), count[i], type, indices[i]);
}
