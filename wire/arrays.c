#include "wire/arrays.h"

#include <string.h>
#include <sys/mman.h>

/* Pages from the kernel, zeroed: the shim must not touch the program's heap. */
static void *pages(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void reset(struct wire_vao *vao, GLuint name)
{
	memset(vao, 0, sizeof(*vao));
	vao->name = name;
	for (unsigned slot = 0; slot < WIRE_SLOTS; slot++) {
		vao->format[slot] =
			(struct wire_format){.size = 4, .type = GL_FLOAT, .binding = (uint8_t)slot};
		vao->binding[slot].stride = 16;
	}
	vao->format[WIRE_SLOT_NORMAL].size = 3;
	vao->format[WIRE_SLOT_SECONDARY].size = 3;
	vao->format[WIRE_SLOT_FOG].size = 1;
	vao->format[WIRE_SLOT_INDEX].size = 1;
	vao->format[WIRE_SLOT_POINT_SIZE].size = 1;
	vao->format[WIRE_SLOT_EDGE].size = 1;
	vao->format[WIRE_SLOT_EDGE].type = GL_UNSIGNED_BYTE;
}

void wire_vaos_init(struct wire_vaos *vaos)
{
	memset(vaos, 0, sizeof(*vaos));
	reset(&vaos->zero, 0);
}

#define CHUNK 16 /* objects taken from the kernel at a time */

void wire_vaos_finish(struct wire_vaos *vaos)
{
	for (size_t page = 0; page < WIRE_VAO_PAGE; page++)
		if (vaos->pages[page])
			munmap(vaos->pages[page], WIRE_VAO_PAGE * sizeof(struct wire_vao *));
	while (vaos->chunks) {
		struct wire_vao *chunk = vaos->chunks;
		vaos->chunks = chunk->next_free;
		munmap(chunk, CHUNK * sizeof(*chunk));
	}
	memset(vaos, 0, sizeof(*vaos));
}

static struct wire_vao *take(struct wire_vaos *vaos)
{
	if (!vaos->free) {
		struct wire_vao *chunk = pages(CHUNK * sizeof(*chunk));
		for (unsigned i = 0; chunk && i < CHUNK; i++) {
			struct wire_vao **list = i ? &vaos->free : &vaos->chunks;
			chunk[i].next_free = *list;
			*list = &chunk[i];
		}
	}
	struct wire_vao *vao = vaos->free;
	if (vao)
		vaos->free = vao->next_free;
	return vao;
}

static struct wire_vao **place(struct wire_vaos *vaos, GLuint name)
{
	const GLuint page = name / WIRE_VAO_PAGE;
	if (page >= WIRE_VAO_PAGE)
		return NULL;
	if (!vaos->pages[page])
		vaos->pages[page] = pages(WIRE_VAO_PAGE * sizeof(struct wire_vao *));
	return vaos->pages[page] ? &vaos->pages[page][name % WIRE_VAO_PAGE] : NULL;
}

struct wire_vao *wire_vao_find(struct wire_vaos *vaos, GLuint name)
{
	struct wire_vao **at = name ? place(vaos, name) : NULL;
	if (!at)
		return &vaos->zero;
	if (!*at) {
		struct wire_vao *vao = take(vaos);
		if (!vao)
			return &vaos->zero;
		reset(vao, name);
		*at = vao;
	}
	return *at;
}

void wire_vao_forget(struct wire_vaos *vaos, GLuint name)
{
	struct wire_vao **at = name ? place(vaos, name) : NULL;
	if (!at || !*at)
		return;
	(*at)->next_free = vaos->free;
	vaos->free = *at;
	*at = NULL;
}

static size_t type_bytes(GLenum type)
{
	switch (type) {
	case GL_BYTE:
	case GL_UNSIGNED_BYTE:
		return 1;
	case GL_SHORT:
	case GL_UNSIGNED_SHORT:
	case GL_HALF_FLOAT:
	case 0x8D61: /* GL_HALF_FLOAT_OES */
		return 2;
	case GL_DOUBLE:
	case GL_INT64_ARB:
	case GL_UNSIGNED_INT64_ARB:
		return 8;
	default:
		return 4;
	}
}

size_t wire_format_bytes(const struct wire_format *format)
{
	switch (format->type) {
	case GL_INT_2_10_10_10_REV:
	case GL_UNSIGNED_INT_2_10_10_10_REV:
	case GL_UNSIGNED_INT_10F_11F_11F_REV:
		return 4;
	default:
		break;
	}
	const size_t count = format->size == GL_BGRA   ? 4
		: format->size > 4 || format->size < 0 ? 4
						       : (size_t)format->size;
	return count * type_bytes(format->type);
}

size_t wire_slot_stride(const struct wire_vao *vao, unsigned slot)
{
	const struct wire_format *format = &vao->format[slot];
	const GLsizei stride = vao->binding[format->binding].stride;
	return stride > 0 ? (size_t)stride : 0;
}

static void recompute(struct wire_vao *vao)
{
	vao->client = vao->enabled & vao->user & ~vao->foreign;
	for (unsigned slot = 0; vao->foreign >> slot; slot++)
		if (vao->foreign >> slot & vao->enabled >> slot & 1 &&
			vao->user >> vao->format[slot].binding & 1)
			vao->client |= (uint64_t)1 << slot;
}

static void assign(uint64_t *mask, unsigned bit, bool on)
{
	*mask = on ? *mask | (uint64_t)1 << bit : *mask & ~((uint64_t)1 << bit);
}

void wire_vao_bind(
	struct wire_vao *vao, unsigned binding, GLuint buffer, uint64_t at, GLsizei stride)
{
	if (binding >= WIRE_SLOTS)
		return;
	vao->binding[binding].buffer = buffer;
	vao->binding[binding].at = at;
	vao->binding[binding].stride = stride;
	assign(&vao->user, binding, !buffer && at);
	recompute(vao);
}

void wire_vao_use(struct wire_vao *vao, unsigned slot, unsigned binding)
{
	if (slot >= WIRE_SLOTS || binding >= WIRE_SLOTS)
		return;
	vao->format[slot].binding = (uint8_t)binding;
	assign(&vao->foreign, slot, slot != binding);
	recompute(vao);
}

void wire_vao_pointer(struct wire_vao *vao, unsigned slot, struct wire_format format,
	GLsizei stride, uint64_t at, GLuint buffer)
{
	if (slot >= WIRE_SLOTS || stride < 0)
		return;
	format.binding = (uint8_t)slot;
	format.relative = 0;
	format.stride = stride;
	vao->format[slot] = format;
	assign(&vao->foreign, slot, false);
	const size_t natural = wire_format_bytes(&format);
	wire_vao_bind(vao, slot, buffer, at, stride ? stride : (GLsizei)natural);
}

void wire_vao_enable(struct wire_vao *vao, unsigned slot, bool on)
{
	if (slot >= WIRE_SLOTS)
		return;
	assign(&vao->enabled, slot, on);
	recompute(vao);
}
