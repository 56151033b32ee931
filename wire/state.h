/*
 * state.h: the little of a context's state that decides how big a call's data is and whether a
 * pointer is an offset. Both ends keep it with this one piece of code, each noting the calls as
 * they pass (wire_track_*), so that they always compute the same sizes.
 *
 * A call that GL refuses is noted as GL would note it as far as that can be seen from the call
 * alone; where it cannot, both ends are wrong in the same way and the driver's own checks hold.
 * One thread at a time. Names are the program's.
 */
#ifndef WIRE_STATE_H
#define WIRE_STATE_H

#include "wire/arrays.h"
#include "wire/gltypes.h"
#include "wire/pixel.h"

enum wire_target {
	WIRE_ARRAY_BUFFER,
	WIRE_PIXEL_PACK_BUFFER,
	WIRE_PIXEL_UNPACK_BUFFER,
	WIRE_UNIFORM_BUFFER,
	WIRE_COPY_READ_BUFFER,
	WIRE_COPY_WRITE_BUFFER,
	WIRE_TEXTURE_BUFFER,
	WIRE_DRAW_INDIRECT_BUFFER,
	WIRE_DISPATCH_INDIRECT_BUFFER,
	WIRE_TRANSFORM_FEEDBACK_BUFFER,
	WIRE_SHADER_STORAGE_BUFFER,
	WIRE_ATOMIC_COUNTER_BUFFER,
	WIRE_QUERY_BUFFER,
	WIRE_PARAMETER_BUFFER,
	WIRE_OTHER_BUFFER,
	WIRE_TARGETS,
};

/* Questions that only the driver can answer. */
enum wire_ask {
	WIRE_ASK_LEVEL,           /* a pname of a level of the bound texture */
	WIRE_ASK_UNIT_LEVEL,      /* ... of a texture unit */
	WIRE_ASK_NAMED_LEVEL,     /* ... of a texture */
	WIRE_ASK_NAMED_LEVEL_EXT, /* ... of a texture and target */
	WIRE_ASK_INTEGER,         /* glGetIntegerv */
	WIRE_ASK_NAMED_TARGET,    /* GL_TEXTURE_TARGET of a texture */
	WIRE_ASK_PROGRAM_TEXT,    /* length of an ARB program bound to target */
	WIRE_ASK_NAMED_PROGRAM_TEXT,
	WIRE_ASK_BLOCK,      /* active uniforms of a uniform block */
	WIRE_ASK_ATOMIC,     /* active uniforms of an atomic counter buffer */
	WIRE_ASK_SUBROUTINE, /* compatible subroutines of a subroutine uniform */
	WIRE_ASK_MAP_ORDER,  /* values of glGetMap(GL_COEFF) */
};

struct wire_client_attrib {
	GLbitfield mask;
	struct wire_pixels pack;
	struct wire_pixels unpack;
	GLuint pack_buffer;
	GLuint unpack_buffer;
	GLuint array_buffer;
	unsigned client_unit;
	struct wire_vao vao;
};

#define WIRE_CLIENT_ATTRIBS 16
#define WIRE_PIXEL_MAPS 10

struct wire_state {
	GLuint buffer[WIRE_TARGETS];
	struct wire_pixels pack;
	struct wire_pixels unpack;
	struct wire_vao *vao;
	unsigned client_unit;
	bool inside_begin;
	GLint viewport[4];
	bool restart;       /* GL_PRIMITIVE_RESTART */
	bool restart_fixed; /* GL_PRIMITIVE_RESTART_FIXED_INDEX */
	GLuint restart_index;
	GLsizei pixel_map[WIRE_PIXEL_MAPS];
	/* Asks the driver; -1 when there is no answer. Set by each end. */
	int64_t (*ask)(struct wire_state *st, enum wire_ask what, GLuint object, GLenum target,
		GLint index, GLenum pname);
	unsigned client_attribs;
	struct wire_client_attrib client_attrib[WIRE_CLIENT_ATTRIBS];
	struct wire_vaos vaos;
};

void wire_state_init(struct wire_state *st);
void wire_state_finish(struct wire_state *st);

/* The binding of a target, the element array's included; NULL for a target that is none. */
GLuint *wire_state_binding(struct wire_state *st, GLenum target);

/* The slot of a conventional array, -1 for a number that is none. `unit` is for texture arrays. */
int wire_slot_of(GLenum array, unsigned unit);

#include "track_calls.h"

#endif
