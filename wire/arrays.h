/*
 * arrays.h: vertex arrays as both ends keep them (OpenGL 4.6 compatibility, 10.3), to know which of
 * them lie in the program's memory and how much of it a draw reads.
 *
 * Conventional and generic arrays share one numbering of slots. As in GL, a slot has a format and
 * names a binding; a binding has a buffer (0: the program's memory), an offset or address, a stride
 * and a divisor. Conventional slots always use the binding of their own number.
 */
#ifndef WIRE_ARRAYS_H
#define WIRE_ARRAYS_H

#include "wire/gltypes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_slot {
	WIRE_SLOT_VERTEX,
	WIRE_SLOT_NORMAL,
	WIRE_SLOT_COLOR,
	WIRE_SLOT_SECONDARY,
	WIRE_SLOT_FOG,
	WIRE_SLOT_INDEX,
	WIRE_SLOT_EDGE,
	WIRE_SLOT_POINT_SIZE,
	WIRE_SLOT_TEXTURE,
	WIRE_SLOT_GENERIC = WIRE_SLOT_TEXTURE + 8,
	WIRE_SLOTS = WIRE_SLOT_GENERIC + 32,
};

enum wire_kind { WIRE_KIND_FLOAT, WIRE_KIND_NORMALIZED, WIRE_KIND_INTEGER, WIRE_KIND_LONG };

struct wire_format {
	GLint size;
	GLenum type;
	uint8_t kind; /* enum wire_kind */
	uint8_t binding;
	uint32_t relative;
	GLsizei stride; /* as gl*Pointer was given it: 0 is packed; only asked for */
};

struct wire_binding {
	uint64_t at; /* offset into the buffer, or the address */
	GLuint buffer;
	GLsizei stride;
	GLuint divisor;
};

/* A vertex array object. */
struct wire_vao {
	GLuint name;
	GLuint element; /* the element array buffer */
	uint64_t enabled;
	uint64_t user;    /* bindings in the program's memory */
	uint64_t client;  /* enabled slots in the program's memory: what a draw must bring along */
	uint64_t foreign; /* slots whose binding is not of their own number */
	struct wire_format format[WIRE_SLOTS];
	struct wire_binding binding[WIRE_SLOTS];
	struct wire_vao *next_free;
};

#define WIRE_VAO_PAGE 1024

struct wire_vaos {
	struct wire_vao zero; /* the default object */
	struct wire_vao **pages[WIRE_VAO_PAGE];
	struct wire_vao *free;
	struct wire_vao *chunks; /* linked by their first objects, which hold nothing else */
};

void wire_vaos_init(struct wire_vaos *vaos);
void wire_vaos_finish(struct wire_vaos *vaos);

/* The object of a name, made when it is new; without memory, the default object. Takes no heap. */
struct wire_vao *wire_vao_find(struct wire_vaos *vaos, GLuint name);
void wire_vao_forget(struct wire_vaos *vaos, GLuint name);

/* Bytes of one element of a slot, packed. */
size_t wire_format_bytes(const struct wire_format *format);

/* The distance between elements of a slot. */
size_t wire_slot_stride(const struct wire_vao *vao, unsigned slot);

void wire_vao_pointer(struct wire_vao *vao, unsigned slot, struct wire_format format,
	GLsizei stride, uint64_t at, GLuint buffer);
void wire_vao_enable(struct wire_vao *vao, unsigned slot, bool on);
void wire_vao_bind(
	struct wire_vao *vao, unsigned binding, GLuint buffer, uint64_t at, GLsizei stride);
void wire_vao_use(struct wire_vao *vao, unsigned slot, unsigned binding);

#endif
