/*
 * size.h: how many elements or bytes a call reads or writes, where the registry does not say it in
 * numbers. The shim uses it to know what to copy, the proxy to check what came.
 *
 * Functions without a state are pure. None fails: an enumerant nobody knows counts 1, the driver
 * then makes the error. Products saturate, so that a nonsensical count is too big, never small.
 */
#ifndef WIRE_SIZE_H
#define WIRE_SIZE_H

#include "wire/gltypes.h"
#include "wire/names.h"
#include "wire/pixel.h"
#include "wire/state.h"

#include <stddef.h>
#include <stdint.h>

/* More than any piece of data may have; a size that saturated is this. */
#define WIRE_SIZE_MAX ((size_t)1 << 40)

/* Elements times their size; nothing for a negative count. */
static inline size_t wire_bytes(int64_t count, size_t size)
{
	if (count <= 0)
		return 0;
	return (uint64_t)count > WIRE_SIZE_MAX / size ? WIRE_SIZE_MAX : (size_t)count * size;
}

static inline int64_t wire_product(int64_t count, int64_t factor)
{
	if (count <= 0 || factor <= 0)
		return 0;
	return count > (int64_t)(WIRE_SIZE_MAX / (size_t)factor) ? (int64_t)WIRE_SIZE_MAX
								 : count * factor;
}

/* Values behind a pname, wherever GL has a `params`. */
int64_t wire_params(GLenum pname);

/* Values of glGet*v(pname), which for some depend on the implementation. */
int64_t wire_get_count(struct wire_state *st, GLenum pname);

/* Values of glClearBuffer*v. */
int64_t wire_clear_values(GLenum buffer);

/* Bytes of glCallLists. */
int64_t wire_list_bytes(GLsizei n, GLenum type);

/* Bytes of a text; with its zero byte where the length is negative. */
size_t wire_text(const void *text, int64_t length);

/* Bytes of `count` indirect commands. */
size_t wire_indirect(GLsizei count, GLsizei stride, size_t size);

/* Control points of glMap*, in values. */
int64_t wire_map_points(
	GLenum target, int64_t ustride, int64_t uorder, int64_t vstride, int64_t vorder);

/* The class of names that the value of a pname belongs to, NAMES_none for plain numbers. */
enum names_class wire_name_class(GLenum pname);

/* ---- sizes that only the driver knows: each end asks in its own way (wire_state.ask) ---- */
int64_t wire_map(struct wire_state *st, GLenum target, GLenum query);
int64_t wire_pixel_map(struct wire_state *st, GLenum map);
int64_t wire_program_text(struct wire_state *st, GLenum target);
int64_t wire_named_program_text(struct wire_state *st, GLuint program);
int64_t wire_block_params(struct wire_state *st, GLuint program, GLuint index, GLenum pname);
int64_t wire_atomic_params(struct wire_state *st, GLuint program, GLuint index, GLenum pname);
int64_t wire_subroutine_params(
	struct wire_state *st, GLuint program, GLenum stage, GLuint index, GLenum pname);
size_t wire_compressed(struct wire_state *st, GLenum target, GLint level);
size_t wire_unit_compressed(struct wire_state *st, GLenum unit, GLenum target, GLint level);
size_t wire_named_compressed(struct wire_state *st, GLuint texture, GLint level);
size_t wire_named_compressed_ext(struct wire_state *st, GLuint texture, GLenum target, GLint level);

/* The size of a level, as the first arguments of wire_layout(): dimensions, width, height, depth.
 */
#define WIRE_LEVEL(st, target, level) WIRE_LEVEL_OF(st, WIRE_ASK_LEVEL, 0, target, level)
#define WIRE_UNIT_LEVEL(st, unit, target, level) \
	WIRE_LEVEL_OF(st, WIRE_ASK_UNIT_LEVEL, unit, target, level)
#define WIRE_NAMED_LEVEL(st, texture, level) \
	WIRE_LEVEL_OF(st, WIRE_ASK_NAMED_LEVEL, texture, 0, level)
#define WIRE_NAMED_LEVEL_EXT(st, texture, target, level) \
	WIRE_LEVEL_OF(st, WIRE_ASK_NAMED_LEVEL_EXT, texture, target, level)
#define WIRE_LEVEL_OF(st, how, object, target, level)                          \
	wire_level_dimensions(st, how, object, target),                        \
		wire_level(st, how, object, target, level, GL_TEXTURE_WIDTH),  \
		wire_level(st, how, object, target, level, GL_TEXTURE_HEIGHT), \
		wire_level(st, how, object, target, level, GL_TEXTURE_DEPTH)
int wire_level_dimensions(struct wire_state *st, enum wire_ask how, GLuint object, GLenum target);
GLint wire_level(struct wire_state *st, enum wire_ask how, GLuint object, GLenum target,
	GLint level, GLenum pname);

#endif
