/*
 * Buffers, samplers, renderbuffers, sync objects of a share group.
 *
 * A buffer's contents, usage, storage flags and mappings are kept; what the program has written to
 * a mapping and not yet flushed lies in the heap file, which is kept beside the snapshot. Contents
 * of renderbuffers travel through a texture of the same format (glCopyImageSubData), those of
 * multisampled ones as samples.h says. Sync objects are signalled after the rebuild. A name that
 * was generated and never bound stays such a name.
 */
#include "glproxy/samples.h"
#include "glproxy/snapshot_stream.h"

#include <stdlib.h>
#include <string.h>

#define GENERATE(t, call, field, name) \
	PUT(&(t)->out, call, .n = 1,   \
		.field = stream_data(&(t)->out, &(GLuint){name}, sizeof(GLuint)))

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
	const struct wire_data contents = stream_data(&t->out, data, (size_t)size);
	if (immutable)
		PUT(&t->out, glNamedBufferStorage, .buffer = name, .size = size, .data = contents,
			.flags = (GLbitfield)flags);
	else
		PUT(&t->out, glNamedBufferData, .buffer = name, .size = size, .data = contents,
			.usage = (GLenum)usage);
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
			GENERATE(t, glCreateBuffers, buffers, name);
		else
			GENERATE(t, glGenBuffers, buffers, name);
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

/* ---- renderbuffers ---- */

static GLint renderbuffer_value(struct take *t, GLuint driver, GLenum pname)
{
	GLint value = 0;
	t->gl->GetNamedRenderbufferParameteriv(driver, pname, &value);
	return value;
}

/* Formats without a size, which a driver copies to and from their like alone. Those of depths it
 * chooses otherwise for textures than for renderbuffers. */
static bool is_unsized(GLenum format)
{
	return format == GL_RGBA || format == GL_RGB;
}

/* Of the bound texture, which is to be complete. */
static void make_storage(struct take *t, GLenum format, GLsizei width, GLsizei height)
{
	t->gl->TexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, 0);
	if (is_unsized(format))
		t->gl->TexImage2D(GL_TEXTURE_2D, 0, (GLint)format, width, height, 0, format,
			GL_UNSIGNED_BYTE, NULL);
	else
		t->gl->TexStorage2D(GL_TEXTURE_2D, 1, format, width, height);
}

/* The texture that carries the contents is made, filled, copied from and deleted. */
static void put_pixels(
	struct take *t, GLuint name, GLuint driver, GLenum format, GLsizei width, GLsizei height)
{
	GLuint carrier = 0;
	const GLuint spare = TAKE_SPARE;
	t->gl->GenTextures(1, &carrier);
	t->gl->BindTexture(GL_TEXTURE_2D, carrier);
	make_storage(t, format, width, height);
	t->gl->CopyImageSubData(driver, GL_RENDERBUFFER, 0, 0, 0, 0, carrier, GL_TEXTURE_2D, 0, 0,
		0, 0, width, height, 1);
	if (take_failed(t))
		take_refuse(t, "a renderbuffer of format 0x%x cannot be read", format);
	GENERATE(t, glGenTextures, textures, spare);
	PUT(&t->out, glBindTexture, .target = GL_TEXTURE_2D, .texture = spare);
	take_texture(t, GL_TEXTURE_2D, carrier);
	PUT(&t->out, glCopyImageSubData, .srcName = spare, .srcTarget = GL_TEXTURE_2D,
		.dstName = name, .dstTarget = GL_RENDERBUFFER, .srcWidth = width,
		.srcHeight = height, .srcDepth = 1);
	GENERATE(t, glDeleteTextures, textures, spare);
	t->gl->DeleteTextures(1, &carrier);
}

static void put_renderbuffer(struct take *t, GLuint name, GLuint driver)
{
	const GLsizei width = renderbuffer_value(t, driver, GL_RENDERBUFFER_WIDTH);
	const GLsizei height = renderbuffer_value(t, driver, GL_RENDERBUFFER_HEIGHT);
	const GLenum format =
		(GLenum)renderbuffer_value(t, driver, GL_RENDERBUFFER_INTERNAL_FORMAT);
	if (!width || !height)
		return;
	const GLint samples = renderbuffer_value(t, driver, GL_RENDERBUFFER_SAMPLES);
	PUT(&t->out, glNamedRenderbufferStorageMultisample, .renderbuffer = name,
		.samples = samples, .internalformat = format, .width = width, .height = height);
	if (samples)
		take_multisampled_renderbuffer(t, name, driver, format, width, height);
	else
		put_pixels(t, name, driver, format, width, height);
}

void take_renderbuffers(struct take *t)
{
	struct names *names = t->names[NAMES_renderbuffer];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsRenderbuffer(driver);
		if (!made && names_foreign(driver))
			continue;
		if (made)
			GENERATE(t, glCreateRenderbuffers, renderbuffers, name);
		else
			GENERATE(t, glGenRenderbuffers, renderbuffers, name);
		if (made)
			put_renderbuffer(t, name, driver);
		if (made)
			take_label(t, GL_RENDERBUFFER, name, driver);
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
