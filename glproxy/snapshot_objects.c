/*
 * Buffers, samplers, sync objects of a share group.
 *
 * A buffer's contents, usage, storage flags and mappings are kept; what the program has written to
 * a mapping and not yet flushed lies in the heap file, which is kept beside the snapshot. Sync
 * objects are signalled after the rebuild. A name that was generated and never bound stays such a
 * name.
 */
#include "glproxy/snapshot_stream.h"

#include <stdlib.h>
#include <string.h>

/* ---- buffers ---- */

static const struct mapping *mapping_of(const struct group *group, GLuint driver)
{
	for (size_t i = 0; i < group->mapping_count; i++)
		if (group->mappings[i].buffer == driver)
			return &group->mappings[i];
	return NULL;
}

/* Contents of a buffer that is mapped, but not persistently, cannot be asked for: it is mapped anew
 * afterwards, at what may be another address. */
static void read_mapped(struct take *t, struct mapping *mapping, GLsizeiptr size, void *data)
{
	t->gl->UnmapNamedBuffer(mapping->buffer);
	t->gl->GetNamedBufferSubData(mapping->buffer, 0, size, data);
	mapping->driver = t->gl->MapNamedBufferRange(mapping->buffer, mapping->offset,
		mapping->length,
		mapping->access &
			~(GLbitfield)(GL_MAP_INVALIDATE_BUFFER_BIT | GL_MAP_INVALIDATE_RANGE_BIT));
	if (!mapping->driver)
		take_refuse(t, "a mapped buffer could not be mapped again");
}

static void read_buffer(struct take *t, GLuint driver, GLsizeiptr size, void *data)
{
	struct mapping *mapping =
		(struct mapping *)(uintptr_t)mapping_of(t->context->group, driver);
	if (mapping && !(mapping->access & GL_MAP_PERSISTENT_BIT))
		read_mapped(t, mapping, size, data);
	else
		t->gl->GetNamedBufferSubData(driver, 0, size, data);
}

/* Mesa heeds the target of a buffer's first store: what got it without one it takes for never used
 * while it is mapped (llvmpipe). As one for pixels it is looked at whatever it is used for. */
#define STORE_TARGET GL_PIXEL_PACK_BUFFER

static void put_buffer(struct take *t, GLuint name, GLuint driver)
{
	GLint64 size = 0;
	GLint usage = 0, immutable = 0, flags = 0;
	t->gl->GetNamedBufferParameteri64v(driver, GL_BUFFER_SIZE, &size);
	t->gl->GetNamedBufferParameteriv(driver, GL_BUFFER_USAGE, &usage);
	t->gl->GetNamedBufferParameteriv(driver, GL_BUFFER_IMMUTABLE_STORAGE, &immutable);
	t->gl->GetNamedBufferParameteriv(driver, GL_BUFFER_STORAGE_FLAGS, &flags);
	if (!size)
		return;
	void *data = take_room(t, (size_t)size);
	if (!data)
		return;
	read_buffer(t, driver, size, data);
	PUT(&t->out, glBindBuffer, .target = STORE_TARGET, .buffer = name);
	const struct wire_data contents = stream_data(&t->out, data, (size_t)size);
	if (immutable)
		PUT(&t->out, glBufferStorage, .target = STORE_TARGET, .size = size,
			.data = contents, .flags = (GLbitfield)flags);
	else
		PUT(&t->out, glBufferData, .target = STORE_TARGET, .size = size, .data = contents,
			.usage = (GLenum)usage);
	PUT(&t->out, glBindBuffer, .target = STORE_TARGET);
	if (take_failed(t))
		take_refuse(t, "buffer %u cannot be read", name);
}

void take_buffers(struct take *t)
{
	struct names *names = t->names[NAMES_buffer];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsBuffer(driver);
		if (!made && names_foreign(driver))
			continue;
		if (made)
			PUT_NAME(&t->out, glCreateBuffers, buffers, name);
		else
			PUT_NAME(&t->out, glGenBuffers, buffers, name);
		if (made)
			put_buffer(t, name, driver);
		if (made)
			take_label(t, GL_BUFFER, name, driver);
	}
}

void take_mappings(struct take *t)
{
	const struct group *group = t->context->group;
	for (size_t i = 0; i < group->mapping_count; i++) {
		const struct mapping *m = &group->mappings[i];
		if (!m->buffer)
			continue;
		const GLuint name = take_name(t, NAMES_buffer, m->buffer, "buffer", "a mapping");
		PUT(&t->out, ckMap, .buffer = name, .offset = m->offset, .length = m->length,
			.access = m->access &
				~(GLbitfield)(GL_MAP_INVALIDATE_BUFFER_BIT |
					GL_MAP_INVALIDATE_RANGE_BIT),
			.block = (GLuint64)(m->block - t->context->exec.heap));
	}
}

/* ---- samplers ---- */

static const GLenum sampler_numbers[] = {GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T, GL_TEXTURE_WRAP_R,
	GL_TEXTURE_MIN_FILTER, GL_TEXTURE_MAG_FILTER, GL_TEXTURE_COMPARE_MODE,
	GL_TEXTURE_COMPARE_FUNC, GL_TEXTURE_SRGB_DECODE_EXT, GL_TEXTURE_CUBE_MAP_SEAMLESS};
static const GLenum sampler_floats[] = {
	GL_TEXTURE_MIN_LOD, GL_TEXTURE_MAX_LOD, GL_TEXTURE_LOD_BIAS, GL_TEXTURE_MAX_ANISOTROPY_EXT};

static void put_sampler(struct take *t, GLuint name, GLuint driver)
{
	GLfloat colour[4] = {0};
	for (size_t i = 0; i < array_len(sampler_numbers); i++) {
		GLint value = 0;
		t->gl->GetSamplerParameteriv(driver, sampler_numbers[i], &value);
		const bool initial = sampler_numbers[i] == GL_TEXTURE_CUBE_MAP_SEAMLESS && !value;
		if (!take_failed(t) && !initial)
			PUT(&t->out, glSamplerParameteri, .sampler = name,
				.pname = sampler_numbers[i], .param = value);
	}
	for (size_t i = 0; i < array_len(sampler_floats); i++) {
		GLfloat value = 0;
		t->gl->GetSamplerParameterfv(driver, sampler_floats[i], &value);
		if (!take_failed(t))
			PUT(&t->out, glSamplerParameterf, .sampler = name,
				.pname = sampler_floats[i], .param = value);
	}
	t->gl->GetSamplerParameterfv(driver, GL_TEXTURE_BORDER_COLOR, colour);
	PUT(&t->out, glSamplerParameterfv, .sampler = name, .pname = GL_TEXTURE_BORDER_COLOR,
		.param = stream_data(&t->out, colour, sizeof(colour)));
	take_label(t, GL_SAMPLER, name, driver);
}

void take_samplers(struct take *t)
{
	struct names *names = t->names[NAMES_sampler];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		if (names_foreign(driver) && !t->gl->IsSampler(driver))
			continue;
		PUT(&t->out, glGenSamplers, .count = 1,
			.samplers = stream_data(&t->out, &name, sizeof(name)));
		if (t->gl->IsSampler(driver))
			put_sampler(t, name, driver);
	}
}

/* ---- sync objects ---- */

void take_syncs(struct take *t)
{
	const struct group *group = t->context->group;
	for (size_t i = 0; i < group->sync_count; i++)
		if (group->syncs[i].handle)
			PUT(&t->out, ckFence, .handle = group->syncs[i].handle,
				.condition = GL_SYNC_GPU_COMMANDS_COMPLETE);
}
