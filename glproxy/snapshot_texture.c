/*
 * Textures of a share group: 1D, 2D, 3D, rectangles, cubes, arrays, buffer textures; every level
 * and face, immutable or not, compressed as it is, depth, stencil, integers; parameters. Pixels are
 * read in a format and type that hold each component exactly. Of multisampled
 * ones: samples.h.
 */
#include "glproxy/samples.h"
#include "glproxy/snapshot_stream.h"
#include "glproxy/views.h"

#include <stdlib.h>
#include <string.h>

/* What one image (a level, of a face) is. */
struct image {
	GLenum target; /* of the image: a face's for cubes */
	GLint level;
	GLint width, height, depth;
	GLint internal;
	GLint compressed;
	GLenum format, type;
	size_t size; /* bytes, packed */
};

static GLint level_value(struct take *t, const struct image *image, GLenum pname)
{
	GLint value = 0;
	t->gl->GetTexLevelParameteriv(image->target, image->level, pname, &value);
	return value;
}

static void choose(struct image *image, GLenum format, GLenum type, size_t pixel)
{
	image->format = format;
	image->type = type;
	image->size = pixel * (size_t)image->width * (size_t)image->height * (size_t)image->depth;
}

static void choose_depth(struct take *t, struct image *image, GLint depth, GLint stencil)
{
	const bool floating = level_value(t, image, GL_TEXTURE_DEPTH_TYPE) == GL_FLOAT;
	if (depth && stencil && floating)
		choose(image, GL_DEPTH_STENCIL, GL_FLOAT_32_UNSIGNED_INT_24_8_REV, 8);
	else if (depth && stencil)
		choose(image, GL_DEPTH_STENCIL, GL_UNSIGNED_INT_24_8, 4);
	else if (depth)
		choose(image, GL_DEPTH_COMPONENT, floating ? GL_FLOAT : GL_UNSIGNED_INT, 4);
	else
		choose(image, GL_STENCIL_INDEX, GL_UNSIGNED_BYTE, 1);
}

/* Packed types keep the driver's choice of a small format where the program left it to it. */
static bool choose_packed(struct image *image, const GLint *bits)
{
	const GLint sum = bits[0] * 1000000 + bits[1] * 10000 + bits[2] * 100 + bits[3];
	switch (sum) {
	case 5060500:
		choose(image, GL_RGB, GL_UNSIGNED_SHORT_5_6_5, 2);
		return true;
	case 4040404:
		choose(image, GL_RGBA, GL_UNSIGNED_SHORT_4_4_4_4, 2);
		return true;
	case 5050501:
		choose(image, GL_RGBA, GL_UNSIGNED_SHORT_5_5_5_1, 2);
		return true;
	case 10101002:
		choose(image, GL_RGBA, GL_UNSIGNED_INT_2_10_10_10_REV, 4);
		return true;
	default:
		return false;
	}
}

static void choose_colour(struct take *t, struct image *image)
{
	static const GLenum sizes[] = {GL_TEXTURE_RED_SIZE, GL_TEXTURE_GREEN_SIZE,
		GL_TEXTURE_BLUE_SIZE, GL_TEXTURE_ALPHA_SIZE, GL_TEXTURE_LUMINANCE_SIZE,
		GL_TEXTURE_INTENSITY_SIZE};
	static const GLenum types[] = {GL_TEXTURE_RED_TYPE, GL_TEXTURE_ALPHA_TYPE,
		GL_TEXTURE_LUMINANCE_TYPE, GL_TEXTURE_INTENSITY_TYPE};
	GLint bits[array_len(sizes)], type = 0, most = 0;
	for (size_t i = 0; i < array_len(sizes); i++) {
		bits[i] = level_value(t, image, sizes[i]);
		most = bits[i] > most ? bits[i] : most;
	}
	for (size_t i = 0; i < array_len(types) && !type; i++)
		type = level_value(t, image, types[i]);
	take_failed(t); /* core profiles know neither luminance nor intensity */
	const bool wide = most > 8;
	if (type == GL_INT)
		choose(image, GL_RGBA_INTEGER, GL_INT, 16);
	else if (type == GL_UNSIGNED_INT)
		choose(image, GL_RGBA_INTEGER, GL_UNSIGNED_INT, 16);
	else if (image->internal == GL_RGB9_E5)
		choose(image, GL_RGB, GL_UNSIGNED_INT_5_9_9_9_REV, 4);
	else if (type == GL_FLOAT || most > 16)
		choose(image, GL_RGBA, GL_FLOAT, 16);
	else if (type == GL_SIGNED_NORMALIZED)
		choose(image, GL_RGBA, wide ? GL_SHORT : GL_BYTE, wide ? 8 : 4);
	else if (!choose_packed(image, bits))
		choose(image, GL_RGBA, wide ? GL_UNSIGNED_SHORT : GL_UNSIGNED_BYTE, wide ? 8 : 4);
}

/* False where there is no such image. */
static bool describe(struct take *t, struct image *image)
{
	image->width = level_value(t, image, GL_TEXTURE_WIDTH);
	image->height = level_value(t, image, GL_TEXTURE_HEIGHT);
	image->depth = level_value(t, image, GL_TEXTURE_DEPTH);
	if (take_failed(t) || !image->width || !image->height || !image->depth)
		return false;
	image->internal = level_value(t, image, GL_TEXTURE_INTERNAL_FORMAT);
	image->compressed = level_value(t, image, GL_TEXTURE_COMPRESSED);
	if (level_value(t, image, GL_TEXTURE_BORDER)) {
		take_refuse(t, "a texture with a border is not kept yet");
		return false;
	}
	const GLint depth = level_value(t, image, GL_TEXTURE_DEPTH_SIZE);
	const GLint stencil = level_value(t, image, GL_TEXTURE_STENCIL_SIZE);
	take_failed(t);
	if (image->compressed)
		image->size = (size_t)level_value(t, image, GL_TEXTURE_COMPRESSED_IMAGE_SIZE);
	else if (depth || stencil)
		choose_depth(t, image, depth, stencil);
	else
		choose_colour(t, image);
	return true;
}

static struct wire_data read_image(struct take *t, const struct image *image)
{
	void *pixels = take_room(t, image->size);
	if (!pixels)
		return (struct wire_data){.where = WIRE_NULL};
	if (image->compressed)
		t->gl->GetCompressedTexImage(image->target, image->level, pixels);
	else
		t->gl->GetTexImage(image->target, image->level, image->format, image->type, pixels);
	if (take_failed(t))
		take_refuse(t, "a texture of format 0x%x cannot be read", image->internal);
	return stream_data(&t->out, pixels, image->size);
}

static int dimensions_of(GLenum target)
{
	switch (target) {
	case GL_TEXTURE_1D:
		return 1;
	case GL_TEXTURE_3D:
	case GL_TEXTURE_2D_ARRAY:
	case GL_TEXTURE_CUBE_MAP_ARRAY:
		return 3;
	default:
		return 2;
	}
}

static void put_image(struct take *t, const struct image *m)
{
	const struct wire_data pixels = read_image(t, m);
	const int dimensions = dimensions_of(m->target);
	if (dimensions == 1)
		PUT(&t->out, glTexImage1D, .target = m->target, .level = m->level,
			.internalformat = m->internal, .width = m->width, .format = m->format,
			.type = m->type, .pixels = pixels);
	else if (dimensions == 2)
		PUT(&t->out, glTexImage2D, .target = m->target, .level = m->level,
			.internalformat = m->internal, .width = m->width, .height = m->height,
			.format = m->format, .type = m->type, .pixels = pixels);
	else
		PUT(&t->out, glTexImage3D, .target = m->target, .level = m->level,
			.internalformat = m->internal, .width = m->width, .height = m->height,
			.depth = m->depth, .format = m->format, .type = m->type, .pixels = pixels);
}

static void put_part(struct take *t, const struct image *m)
{
	const struct wire_data pixels = read_image(t, m);
	const int dimensions = dimensions_of(m->target);
	if (dimensions == 1)
		PUT(&t->out, glTexSubImage1D, .target = m->target, .level = m->level,
			.width = m->width, .format = m->format, .type = m->type, .pixels = pixels);
	else if (dimensions == 2)
		PUT(&t->out, glTexSubImage2D, .target = m->target, .level = m->level,
			.width = m->width, .height = m->height, .format = m->format,
			.type = m->type, .pixels = pixels);
	else
		PUT(&t->out, glTexSubImage3D, .target = m->target, .level = m->level,
			.width = m->width, .height = m->height, .depth = m->depth,
			.format = m->format, .type = m->type, .pixels = pixels);
}

static void put_compressed(struct take *t, const struct image *m, bool part)
{
	const struct wire_data data = read_image(t, m);
	const int dimensions = dimensions_of(m->target);
	const GLenum format = (GLenum)m->internal;
	const GLsizei size = (GLsizei)m->size;
	if (dimensions == 2 && part)
		PUT(&t->out, glCompressedTexSubImage2D, .target = m->target, .level = m->level,
			.width = m->width, .height = m->height, .format = format, .imageSize = size,
			.data = data);
	else if (dimensions == 2)
		PUT(&t->out, glCompressedTexImage2D, .target = m->target, .level = m->level,
			.internalformat = format, .width = m->width, .height = m->height,
			.imageSize = size, .data = data);
	else if (dimensions == 3 && part)
		PUT(&t->out, glCompressedTexSubImage3D, .target = m->target, .level = m->level,
			.width = m->width, .height = m->height, .depth = m->depth, .format = format,
			.imageSize = size, .data = data);
	else if (dimensions == 3)
		PUT(&t->out, glCompressedTexImage3D, .target = m->target, .level = m->level,
			.internalformat = format, .width = m->width, .height = m->height,
			.depth = m->depth, .imageSize = size, .data = data);
	else
		take_refuse(t, "a compressed texture of one dimension is not kept yet");
}

static void put_storage(struct take *t, GLenum target, GLint levels, const struct image *m)
{
	const GLenum format = (GLenum)m->internal;
	switch (dimensions_of(target)) {
	case 1:
		PUT(&t->out, glTexStorage1D, .target = target, .levels = levels,
			.internalformat = format, .width = m->width);
		break;
	case 2:
		PUT(&t->out, glTexStorage2D, .target = target, .levels = levels,
			.internalformat = format, .width = m->width, .height = m->height);
		break;
	default:
		PUT(&t->out, glTexStorage3D, .target = target, .levels = levels,
			.internalformat = format, .width = m->width, .height = m->height,
			.depth = m->depth);
		break;
	}
}

#define LEVELS 20

static void put_images(struct take *t, GLenum target, bool immutable)
{
	const unsigned faces = target == GL_TEXTURE_CUBE_MAP ? 6 : 1;
	const GLint levels = target == GL_TEXTURE_RECTANGLE ? 1 : LEVELS;
	for (unsigned face = 0; face < faces; face++)
		for (GLint level = 0; level < levels; level++) {
			struct image image = {.target = faces > 1
					? GL_TEXTURE_CUBE_MAP_POSITIVE_X + face
					: target,
				.level = level};
			if (!describe(t, &image))
				continue;
			if (image.compressed)
				put_compressed(t, &image, immutable);
			else if (immutable)
				put_part(t, &image);
			else
				put_image(t, &image);
		}
}

static GLint parameter(struct take *t, GLenum target, GLenum pname)
{
	GLint value = 0;
	t->gl->GetTexParameteriv(target, pname, &value);
	return take_failed(t) ? 0 : value;
}

/* Core profiles do not know the name, though the helper that asks does. */
static bool is_foreign(const struct take *t, GLenum pname)
{
	return t->context->core &&
		(pname == GL_GENERATE_MIPMAP || pname == GL_DEPTH_TEXTURE_MODE ||
			pname == GL_TEXTURE_PRIORITY);
}

void take_parameters(struct take *t, GLenum target)
{
	static const GLenum numbers[] = {GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T, GL_TEXTURE_WRAP_R,
		GL_TEXTURE_MIN_FILTER, GL_TEXTURE_MAG_FILTER, GL_TEXTURE_BASE_LEVEL,
		GL_TEXTURE_MAX_LEVEL, GL_TEXTURE_COMPARE_MODE, GL_TEXTURE_COMPARE_FUNC,
		GL_TEXTURE_SWIZZLE_R, GL_TEXTURE_SWIZZLE_G, GL_TEXTURE_SWIZZLE_B,
		GL_TEXTURE_SWIZZLE_A, GL_DEPTH_TEXTURE_MODE, GL_GENERATE_MIPMAP,
		GL_DEPTH_STENCIL_TEXTURE_MODE, GL_TEXTURE_SRGB_DECODE_EXT,
		GL_TEXTURE_CUBE_MAP_SEAMLESS};
	static const GLenum floats[] = {GL_TEXTURE_MIN_LOD, GL_TEXTURE_MAX_LOD, GL_TEXTURE_LOD_BIAS,
		GL_TEXTURE_MAX_ANISOTROPY_EXT, GL_TEXTURE_PRIORITY};
	GLfloat colour[4] = {0};
	for (size_t i = 0; i < array_len(numbers); i++) {
		GLint value = 0;
		t->gl->GetTexParameteriv(target, numbers[i], &value);
		if (!take_failed(t) && !is_foreign(t, numbers[i]))
			PUT(&t->out, glTexParameteri, .target = target, .pname = numbers[i],
				.param = value);
	}
	for (size_t i = 0; i < array_len(floats); i++) {
		GLfloat value = 0;
		t->gl->GetTexParameterfv(target, floats[i], &value);
		if (!take_failed(t) && !is_foreign(t, floats[i]))
			PUT(&t->out, glTexParameterf, .target = target, .pname = floats[i],
				.param = value);
	}
	t->gl->GetTexParameterfv(target, GL_TEXTURE_BORDER_COLOR, colour);
	if (!take_failed(t))
		PUT(&t->out, glTexParameterfv, .target = target, .pname = GL_TEXTURE_BORDER_COLOR,
			.params = stream_data(&t->out, colour, sizeof(colour)));
}

static void put_buffer_texture(struct take *t, GLenum target)
{
	const struct image image = {.target = target};
	const GLint driver = level_value(t, &image, GL_TEXTURE_BUFFER_DATA_STORE_BINDING);
	const GLuint buffer =
		take_name(t, NAMES_buffer, (GLuint)driver, "buffer", "a buffer texture");
	const GLenum format = (GLenum)level_value(t, &image, GL_TEXTURE_INTERNAL_FORMAT);
	const GLint offset = level_value(t, &image, GL_TEXTURE_BUFFER_OFFSET);
	const GLint size = level_value(t, &image, GL_TEXTURE_BUFFER_SIZE);
	GLint64 whole = 0;
	if (!buffer)
		return;
	t->gl->GetNamedBufferParameteri64v((GLuint)driver, GL_BUFFER_SIZE, &whole);
	if (!offset && size == whole)
		PUT(&t->out, glTexBuffer, .target = target, .internalformat = format,
			.buffer = buffer);
	else
		PUT(&t->out, glTexBufferRange, .target = target, .internalformat = format,
			.buffer = buffer, .offset = offset, .size = size);
}

void take_texture(struct take *t, GLenum target, GLuint driver)
{
	t->gl->BindTexture(target, driver);
	if (target == GL_TEXTURE_2D_MULTISAMPLE || target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY) {
		take_multisampled(t, target, names_known(t->names[NAMES_texture], driver), driver);
		return;
	}
	if (target == GL_TEXTURE_BUFFER) {
		put_buffer_texture(t, target);
		return;
	}
	const bool immutable = parameter(t, target, GL_TEXTURE_IMMUTABLE_FORMAT);
	if (immutable) {
		struct image first = {.target = target == GL_TEXTURE_CUBE_MAP
				? GL_TEXTURE_CUBE_MAP_POSITIVE_X
				: target};
		if (describe(t, &first))
			put_storage(t, target, parameter(t, target, GL_TEXTURE_IMMUTABLE_LEVELS),
				&first);
	}
	put_images(t, target, immutable);
	take_parameters(t, target);
}

void take_shared_texture(struct take *t, GLenum target, GLuint name, GLuint driver, bool fill)
{
	if (target == GL_TEXTURE_2D_MULTISAMPLE || target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY) {
		take_multisampled_view(t, target, name, driver, fill);
		return;
	}
	if (fill)
		put_images(t, target, true);
	take_parameters(t, target);
}

/* Drivers answer GL_TEXTURE_TARGET in core profiles only; a texture can be bound to its own target
 * alone, in any. */
struct take_target take_texture_kind(struct take *t, GLuint driver)
{
	static const struct take_target kinds[] = {{GL_TEXTURE_2D, GL_TEXTURE_BINDING_2D},
		{GL_TEXTURE_CUBE_MAP, GL_TEXTURE_BINDING_CUBE_MAP},
		{GL_TEXTURE_3D, GL_TEXTURE_BINDING_3D}, {GL_TEXTURE_1D, GL_TEXTURE_BINDING_1D},
		{GL_TEXTURE_2D_ARRAY, GL_TEXTURE_BINDING_2D_ARRAY},
		{GL_TEXTURE_1D_ARRAY, GL_TEXTURE_BINDING_1D_ARRAY},
		{GL_TEXTURE_RECTANGLE, GL_TEXTURE_BINDING_RECTANGLE},
		{GL_TEXTURE_BUFFER, GL_TEXTURE_BINDING_BUFFER},
		{GL_TEXTURE_CUBE_MAP_ARRAY, GL_TEXTURE_BINDING_CUBE_MAP_ARRAY},
		{GL_TEXTURE_2D_MULTISAMPLE, GL_TEXTURE_BINDING_2D_MULTISAMPLE},
		{GL_TEXTURE_2D_MULTISAMPLE_ARRAY, GL_TEXTURE_BINDING_2D_MULTISAMPLE_ARRAY}};
	for (size_t i = 0; i < array_len(kinds); i++) {
		const GLuint before = (GLuint)take_integer(t, kinds[i].binding);
		t->gl->BindTexture(kinds[i].target, driver);
		if (take_failed(t))
			continue;
		t->gl->BindTexture(kinds[i].target, before);
		return kinds[i];
	}
	return (struct take_target){0};
}

GLenum take_texture_target(struct take *t, GLuint driver)
{
	const struct take_target kind = take_texture_kind(t, driver);
	if (!kind.target)
		take_refuse(t, "a texture of an unknown kind");
	return kind.target;
}

/* Textures named 0 have images and parameters as well. */
static void take_defaults(struct take *t)
{
	static const GLenum targets[] = {GL_TEXTURE_1D, GL_TEXTURE_2D, GL_TEXTURE_3D,
		GL_TEXTURE_CUBE_MAP, GL_TEXTURE_RECTANGLE, GL_TEXTURE_1D_ARRAY, GL_TEXTURE_2D_ARRAY,
		GL_TEXTURE_CUBE_MAP_ARRAY};
	for (size_t i = 0; i < array_len(targets); i++) {
		const struct image first = {.target = targets[i] == GL_TEXTURE_CUBE_MAP
				? GL_TEXTURE_CUBE_MAP_POSITIVE_X
				: targets[i]};
		t->gl->BindTexture(targets[i], 0);
		if (i >= 5 && !level_value(t, &first, GL_TEXTURE_WIDTH))
			continue; /* old contexts may not know the target */
		PUT(&t->out, glBindTexture, .target = targets[i]);
		take_texture(t, targets[i], 0);
	}
}

void take_textures(struct take *t)
{
	take_defaults(t);
	struct names *names = t->names[NAMES_texture];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsTexture(driver);
		if ((!made && names_foreign(driver)) || views_has(t->context->group->views, name))
			continue;
		PUT_NAME(&t->out, glGenTextures, textures, name);
		const GLenum target = made ? take_texture_target(t, driver) : 0;
		if (!target)
			continue;
		PUT(&t->out, glBindTexture, .target = target, .texture = name);
		take_texture(t, target, driver);
		take_label(t, GL_TEXTURE, name, driver);
		t->gl->BindTexture(target, 0);
		PUT(&t->out, glBindTexture, .target = target);
	}
	take_views(t);
}
