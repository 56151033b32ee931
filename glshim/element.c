/*
 * glArrayElement (OpenGL 4.6 compatibility, 10.3.4): with arrays in the program's memory it is the
 * immediate-mode calls that it stands for.
 */
#include "glshim/call.h"

#include "entries.h"

#include <string.h>

struct element {
	double value[4];
	GLint size;
};

/* One component as the conventional commands would take it; `scale` maps integers to 0..1 or -1..1.
 */
static double component(GLenum type, const void *at, bool scale)
{
	switch (type) {
	case GL_BYTE: {
		const int8_t value = *(const int8_t *)at;
		return scale ? (2.0 * value + 1) / 255 : value;
	}
	case GL_UNSIGNED_BYTE: {
		const uint8_t value = *(const uint8_t *)at;
		return scale ? value / 255.0 : value;
	}
	case GL_SHORT: {
		int16_t value;
		memcpy(&value, at, sizeof(value));
		return scale ? (2.0 * value + 1) / 65535 : value;
	}
	case GL_UNSIGNED_SHORT: {
		uint16_t value;
		memcpy(&value, at, sizeof(value));
		return scale ? value / 65535.0 : value;
	}
	case GL_INT: {
		int32_t value;
		memcpy(&value, at, sizeof(value));
		return scale ? (2.0 * value + 1) / 4294967295.0 : value;
	}
	case GL_UNSIGNED_INT: {
		uint32_t value;
		memcpy(&value, at, sizeof(value));
		return scale ? value / 4294967295.0 : value;
	}
	case GL_DOUBLE: {
		double value;
		memcpy(&value, at, sizeof(value));
		return value;
	}
	default: {
		float value;
		memcpy(&value, at, sizeof(value));
		return value;
	}
	}
}

static struct element fetch(const struct wire_vao *vao, unsigned slot, GLint index, bool scale)
{
	const struct wire_format *format = &vao->format[slot];
	const struct wire_binding *binding = &vao->binding[format->binding];
	const char *at = (const char *)(uintptr_t)binding->at + format->relative +
		(ptrdiff_t)index * (ptrdiff_t)wire_slot_stride(vao, slot);
	struct element element = {{0, 0, 0, 1}, format->size > 4 ? 4 : format->size};
	const size_t bytes = wire_format_bytes(format) / (size_t)(element.size ? element.size : 1);
	for (GLint i = 0; i < element.size; i++)
		element.value[i] = component(format->type, at + (size_t)i * bytes, scale);
	return element;
}

static void conventional(const struct wire_vao *vao, unsigned slot, GLint index)
{
	const bool scale =
		slot == WIRE_SLOT_COLOR || slot == WIRE_SLOT_SECONDARY || slot == WIRE_SLOT_NORMAL;
	const struct element e = fetch(vao, slot, index, scale);
	const double *v = e.value;
	switch (slot) {
	case WIRE_SLOT_VERTEX:
		shim_glVertex4dv(v);
		break;
	case WIRE_SLOT_NORMAL:
		shim_glNormal3dv(v);
		break;
	case WIRE_SLOT_COLOR:
		shim_glColor4dv(v);
		break;
	case WIRE_SLOT_SECONDARY:
		shim_glSecondaryColor3dv(v);
		break;
	case WIRE_SLOT_FOG:
		shim_glFogCoorddv(v);
		break;
	case WIRE_SLOT_INDEX:
		shim_glIndexdv(v);
		break;
	case WIRE_SLOT_EDGE:
		shim_glEdgeFlag(v[0] != 0);
		break;
	case WIRE_SLOT_POINT_SIZE:
		break;
	default:
		shim_glMultiTexCoord4dv(GL_TEXTURE0 + slot - WIRE_SLOT_TEXTURE, v);
		break;
	}
}

static void generic(const struct wire_vao *vao, unsigned slot, GLint index)
{
	const GLuint attribute = slot - WIRE_SLOT_GENERIC;
	const uint8_t kind = vao->format[slot].kind;
	const struct element e = fetch(vao, slot, index, kind == WIRE_KIND_NORMALIZED);
	if (kind == WIRE_KIND_INTEGER)
		shim_glVertexAttribI4i(attribute, (GLint)e.value[0], (GLint)e.value[1],
			(GLint)e.value[2], (GLint)e.value[3]);
	else if (kind == WIRE_KIND_LONG)
		shim_glVertexAttribL4dv(attribute, e.value);
	else
		shim_glVertexAttrib4dv(attribute, e.value);
}

/* GL_NV_primitive_restart: the index stands for a restart here too. */
static bool restarts(GLint i)
{
	const struct wire_state *st = &shim_current->state;
	return st->restart && (GLuint)i == st->restart_index;
}

void shim_glArrayElement(GLint i)
{
	const struct wire_vao *vao = shim_current->state.vao;
	if (!vao->client) {
		send_glArrayElement(i);
		return;
	}
	if (restarts(i)) {
		shim_glPrimitiveRestartNV();
		return;
	}
	/* The vertex comes last: it is what emits. Generic attribute 0 is a vertex too. */
	for (unsigned slot = 0; slot < WIRE_SLOTS; slot++)
		if (vao->client >> slot & 1 && slot != WIRE_SLOT_VERTEX &&
			slot != WIRE_SLOT_GENERIC) {
			if (slot < WIRE_SLOT_GENERIC)
				conventional(vao, slot, i);
			else
				generic(vao, slot, i);
		}
	if (vao->client >> WIRE_SLOT_GENERIC & 1)
		generic(vao, WIRE_SLOT_GENERIC, i);
	else if (vao->client >> WIRE_SLOT_VERTEX & 1)
		conventional(vao, WIRE_SLOT_VERTEX, i);
}
