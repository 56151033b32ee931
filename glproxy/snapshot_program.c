/*
 * Shaders and programs of a share group.
 *
 * A program is linked again from the sources it was linked from (memo.h), with the attribute and
 * output locations it has, its transform feedback varyings and parameters; then come the shaders
 * attached now, uniform values and block bindings. Locations and block indices must come out as
 * they were: the stream says what it expects (ckExpect), a driver that numbers otherwise is refused
 * when the snapshot is built. Shaders keep their source, and are compiled where they had been.
 *
 * Refused: a program whose last link failed while an earlier one is in use, one that was deleted
 * and is still in use, values of types not known here.
 */
#include "glproxy/memo.h"
#include "glproxy/snapshot_stream.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 1024

static struct wire_data text(struct take *t, const char *string)
{
	return stream_data(&t->out, string, strlen(string) + 1);
}

static GLint program_value(struct take *t, GLuint driver, GLenum pname)
{
	GLint value = 0;
	t->gl->GetProgramiv(driver, pname, &value);
	return take_failed(t) ? 0 : value;
}

/* ---- shaders ---- */

static GLint shader_value(struct take *t, GLuint driver, GLenum pname)
{
	GLint value = 0;
	t->gl->GetShaderiv(driver, pname, &value);
	return value;
}

/* A source that names no version is of version 100 in ES, and of 110 for who builds it. */
static void put_source(struct take *t, GLuint shader, const char *source, bool to_compile)
{
	static const char version[] = "#version 100\n";
	const bool silent = t->context->api == EGL_OPENGL_ES_API && !strstr(source, "#version");
	scoped_buf struct buf both = BUF_INIT;
	if (silent && to_compile)
		buf_append(&both, version, sizeof(version));
	buf_append(&both, source, strlen(source) + 1);
	PUT(&t->out, glShaderSource, .shader = shader, .count = silent && to_compile ? 2 : 1,
		.string = stream_data(&t->out, both.data, both.size));
	if (to_compile)
		PUT(&t->out, glCompileShader, .shader = shader);
	if (silent && to_compile)
		put_source(t, shader, source, false);
}

static void put_shader(struct take *t, GLuint name, GLuint driver)
{
	const GLint length = shader_value(t, driver, GL_SHADER_SOURCE_LENGTH);
	PUT(&t->out, glCreateShader, .made = name,
		.type = (GLenum)shader_value(t, driver, GL_SHADER_TYPE));
	scoped_free char *source = calloc(1, (size_t)length + 1);
	if (!source || !length)
		return;
	t->gl->GetShaderSource(driver, length, NULL, source);
	put_source(t, name, source,
		shader_value(t, driver, GL_COMPILE_STATUS) ||
			shader_value(t, driver, GL_INFO_LOG_LENGTH) > 1);
}

/* ---- a program as it was linked ---- */

static bool is_built_in(const char *name)
{
	return !strncmp(name, "gl_", 3);
}

static void put_attribute(struct take *t, GLuint name, GLuint driver, GLint index, GLint wanted)
{
	char attribute[NAME_MAX_BYTES] = "";
	GLint size;
	GLenum type;
	t->gl->GetActiveAttrib(
		driver, (GLuint)index, sizeof(attribute), NULL, &size, &type, attribute);
	if (is_built_in(attribute) || t->gl->GetAttribLocation(driver, attribute) != wanted)
		return;
	PUT(&t->out, glBindAttribLocation, .program = name, .index = (GLuint)wanted,
		.name = text(t, attribute));
}

/* In the order of locations: a driver may list attributes otherwise after each link. */
static void put_attributes(struct take *t, GLuint name, GLuint driver)
{
	const GLint count = program_value(t, driver, GL_ACTIVE_ATTRIBUTES);
	const GLint locations = count ? take_integer(t, GL_MAX_VERTEX_ATTRIBS) : 0;
	for (GLint location = 0; location < locations; location++)
		for (GLint i = 0; i < count; i++)
			put_attribute(t, name, driver, i, location);
}

static void put_outputs(struct take *t, GLuint name, GLuint driver)
{
	static const GLenum properties[] = {GL_LOCATION, GL_LOCATION_INDEX};
	GLint count = 0;
	t->gl->GetProgramInterfaceiv(driver, GL_PROGRAM_OUTPUT, GL_ACTIVE_RESOURCES, &count);
	if (take_failed(t))
		count = 0;
	for (GLint i = 0; i < count; i++) {
		char output[NAME_MAX_BYTES] = "";
		GLint places[2] = {-1, -1};
		t->gl->GetProgramResourceName(
			driver, GL_PROGRAM_OUTPUT, (GLuint)i, sizeof(output), NULL, output);
		t->gl->GetProgramResourceiv(
			driver, GL_PROGRAM_OUTPUT, (GLuint)i, 2, properties, 2, NULL, places);
		output[strcspn(output, "[")] = '\0';
		if (take_failed(t) || places[0] < 0 || places[1] < 0 || is_built_in(output))
			continue;
		PUT(&t->out, glBindFragDataLocationIndexed, .program = name,
			.colorNumber = (GLuint)places[0], .index = (GLuint)places[1],
			.name = text(t, output));
	}
}

static void put_varyings(struct take *t, GLuint name, GLuint driver)
{
	const GLint count = program_value(t, driver, GL_TRANSFORM_FEEDBACK_VARYINGS);
	scoped_buf struct buf names = BUF_INIT;
	for (GLint i = 0; i < count; i++) {
		char varying[NAME_MAX_BYTES] = "";
		GLsizei size;
		GLenum type;
		t->gl->GetTransformFeedbackVarying(
			driver, (GLuint)i, sizeof(varying), NULL, &size, &type, varying);
		buf_append(&names, varying, strlen(varying) + 1);
	}
	if (count)
		PUT(&t->out, glTransformFeedbackVaryings, .program = name, .count = count,
			.varyings = stream_data(&t->out, names.data, names.size),
			.bufferMode = (GLenum)program_value(
				t, driver, GL_TRANSFORM_FEEDBACK_BUFFER_MODE));
}

/* What counts from the next link on. */
static void put_wishes(struct take *t, const struct memo_program *memo, GLuint name)
{
	for (size_t i = 0; i < memo->wish_count; i++) {
		const struct memo_wish *wish = &memo->wishes[i];
		if (!wish->output)
			PUT(&t->out, glBindAttribLocation, .program = name, .index = wish->place,
				.name = text(t, wish->name));
		else if (wish->index)
			PUT(&t->out, glBindFragDataLocationIndexed, .program = name,
				.colorNumber = wish->place, .index = wish->index,
				.name = text(t, wish->name));
		else
			PUT(&t->out, glBindFragDataLocation, .program = name, .color = wish->place,
				.name = text(t, wish->name));
	}
	if (memo->varyings)
		PUT(&t->out, glTransformFeedbackVaryings, .program = name,
			.count = memo->varying_count,
			.varyings = stream_data(&t->out, memo->varyings, memo->varyings_size),
			.bufferMode = memo->varying_mode);
}

static void put_linked(struct take *t, const struct memo_program *memo, GLuint name, GLuint driver)
{
	for (size_t i = 0; i < memo->count; i++) {
		const GLuint spare = TAKE_SPARE + (GLuint)i % 15;
		const char *source = memo->shaders[i].source;
		PUT(&t->out, glCreateShader, .made = spare, .type = memo->shaders[i].type);
		put_source(t, spare, source ? source : "", true);
		PUT(&t->out, glAttachShader, .program = name, .shader = spare);
	}
	put_attributes(t, name, driver);
	put_outputs(t, name, driver);
	put_varyings(t, name, driver);
	if (!memo->status)
		put_wishes(t, memo, name); /* it may have failed for them */
	PUT(&t->out, glLinkProgram, .program = name);
	for (size_t i = 0; i < memo->count; i++) {
		const GLuint spare = TAKE_SPARE + (GLuint)i % 15;
		PUT(&t->out, glDetachShader, .program = name, .shader = spare);
		PUT(&t->out, glDeleteShader, .shader = spare);
	}
	if (memo->doubtful)
		take_refuse(t, "program %u: the last link failed and an earlier one is kept", name);
	if (memo->count > 15)
		take_refuse(t, "program %u was linked from more than 15 shaders", name);
}

static void put_attached(struct take *t, GLuint name, GLuint driver)
{
	GLuint shaders[64];
	GLsizei count = 0;
	t->gl->GetAttachedShaders(driver, array_len(shaders), &count, shaders);
	for (GLsizei i = 0; i < count; i++)
		PUT(&t->out, glAttachShader, .program = name,
			.shader = take_name(t, NAMES_program, shaders[i], "shader", "a program"));
}

/* ---- uniforms ---- */

/* A switch over the kinds of a value: 1 to 4 components, or rows and columns of a matrix. */
#define VALUE(which, call, elements, element)                                                 \
	case which:                                                                           \
		PUT(&t->out, call, .program = name, .location = location, .count = 1,         \
			.value = stream_data(&t->out, values, (elements) * sizeof(element))); \
		break;
#define VECTORS(suffix, element)                        \
	VALUE(1, glProgramUniform1##suffix, 1, element) \
	VALUE(2, glProgramUniform2##suffix, 2, element) \
	VALUE(3, glProgramUniform3##suffix, 3, element) \
	VALUE(4, glProgramUniform4##suffix, 4, element)
#define MATRICES(suffix, element)                                 \
	VALUE(22, glProgramUniformMatrix2##suffix, 4, element)    \
	VALUE(33, glProgramUniformMatrix3##suffix, 9, element)    \
	VALUE(44, glProgramUniformMatrix4##suffix, 16, element)   \
	VALUE(23, glProgramUniformMatrix2x3##suffix, 6, element)  \
	VALUE(24, glProgramUniformMatrix2x4##suffix, 8, element)  \
	VALUE(32, glProgramUniformMatrix3x2##suffix, 6, element)  \
	VALUE(34, glProgramUniformMatrix3x4##suffix, 12, element) \
	VALUE(42, glProgramUniformMatrix4x2##suffix, 8, element)  \
	VALUE(43, glProgramUniformMatrix4x3##suffix, 12, element)
#define PUT_VALUE(letter, cases)                                                           \
	static void put_##letter(                                                          \
		struct take *t, GLuint name, GLint location, int kind, const void *values) \
	{                                                                                  \
		switch (kind) {                                                            \
			cases default : break;                                             \
		}                                                                          \
	}

PUT_VALUE(floats, VECTORS(fv, GLfloat) MATRICES(fv, GLfloat))
PUT_VALUE(doubles, VECTORS(dv, GLdouble) MATRICES(dv, GLdouble))
PUT_VALUE(integers, VECTORS(iv, GLint))
PUT_VALUE(unsigneds, VECTORS(uiv, GLuint))
PUT_VALUE(longs, VECTORS(i64vARB, GLint64))
PUT_VALUE(unsigned_longs, VECTORS(ui64vARB, GLuint64))

/* How a type is set: a letter for the functions above, and their kind; 0: not known. */
struct uniform_type {
	GLenum type;
	char letter;
	int kind;
};

static const struct uniform_type uniform_types[] = {{GL_FLOAT, 'f', 1}, {GL_FLOAT_VEC2, 'f', 2},
	{GL_FLOAT_VEC3, 'f', 3}, {GL_FLOAT_VEC4, 'f', 4}, {GL_FLOAT_MAT2, 'f', 22},
	{GL_FLOAT_MAT3, 'f', 33}, {GL_FLOAT_MAT4, 'f', 44}, {GL_FLOAT_MAT2x3, 'f', 23},
	{GL_FLOAT_MAT2x4, 'f', 24}, {GL_FLOAT_MAT3x2, 'f', 32}, {GL_FLOAT_MAT3x4, 'f', 34},
	{GL_FLOAT_MAT4x2, 'f', 42}, {GL_FLOAT_MAT4x3, 'f', 43}, {GL_DOUBLE, 'd', 1},
	{GL_DOUBLE_VEC2, 'd', 2}, {GL_DOUBLE_VEC3, 'd', 3}, {GL_DOUBLE_VEC4, 'd', 4},
	{GL_DOUBLE_MAT2, 'd', 22}, {GL_DOUBLE_MAT3, 'd', 33}, {GL_DOUBLE_MAT4, 'd', 44},
	{GL_DOUBLE_MAT2x3, 'd', 23}, {GL_DOUBLE_MAT2x4, 'd', 24}, {GL_DOUBLE_MAT3x2, 'd', 32},
	{GL_DOUBLE_MAT3x4, 'd', 34}, {GL_DOUBLE_MAT4x2, 'd', 42}, {GL_DOUBLE_MAT4x3, 'd', 43},
	{GL_INT, 'i', 1}, {GL_INT_VEC2, 'i', 2}, {GL_INT_VEC3, 'i', 3}, {GL_INT_VEC4, 'i', 4},
	{GL_BOOL, 'i', 1}, {GL_BOOL_VEC2, 'i', 2}, {GL_BOOL_VEC3, 'i', 3}, {GL_BOOL_VEC4, 'i', 4},
	{GL_UNSIGNED_INT, 'u', 1}, {GL_UNSIGNED_INT_VEC2, 'u', 2}, {GL_UNSIGNED_INT_VEC3, 'u', 3},
	{GL_UNSIGNED_INT_VEC4, 'u', 4}, {GL_INT64_ARB, 'l', 1}, {GL_INT64_VEC2_ARB, 'l', 2},
	{GL_INT64_VEC3_ARB, 'l', 3}, {GL_INT64_VEC4_ARB, 'l', 4}, {GL_UNSIGNED_INT64_ARB, 'm', 1},
	{GL_UNSIGNED_INT64_VEC2_ARB, 'm', 2}, {GL_UNSIGNED_INT64_VEC3_ARB, 'm', 3},
	{GL_UNSIGNED_INT64_VEC4_ARB, 'm', 4}};

static bool is_opaque(GLenum type)
{
	return (type >= GL_SAMPLER_1D && type <= GL_SAMPLER_2D_RECT_SHADOW) ||
		(type >= GL_SAMPLER_1D_ARRAY && type <= GL_SAMPLER_CUBE_SHADOW) ||
		(type >= GL_INT_SAMPLER_1D && type <= GL_UNSIGNED_INT_SAMPLER_BUFFER) ||
		(type >= GL_SAMPLER_CUBE_MAP_ARRAY &&
			type <= GL_UNSIGNED_INT_SAMPLER_CUBE_MAP_ARRAY) ||
		(type >= GL_IMAGE_1D && type <= GL_UNSIGNED_INT_IMAGE_2D_MULTISAMPLE_ARRAY) ||
		(type >= GL_SAMPLER_2D_MULTISAMPLE &&
			type <= GL_UNSIGNED_INT_SAMPLER_2D_MULTISAMPLE_ARRAY);
}

static struct uniform_type uniform_type(GLenum type)
{
	for (size_t i = 0; i < array_len(uniform_types); i++)
		if (uniform_types[i].type == type)
			return uniform_types[i];
	return (struct uniform_type){type, is_opaque(type) ? 'i' : 0, 1};
}

/* One way for each letter. */
#define WAY(letter, get, put)                                 \
	case letter:                                          \
		t->gl->get(driver, location, (void *)values); \
		put(t, name, location, type.kind, values);    \
		break;

static void put_value(struct take *t, GLuint name, GLuint driver, GLint location, GLenum gl_type)
{
	_Alignas(8) char values[128] = {0};
	const struct uniform_type type = uniform_type(gl_type);
	switch (type.letter) {
		WAY('f', GetUniformfv, put_floats)
		WAY('d', GetUniformdv, put_doubles)
		WAY('i', GetUniformiv, put_integers)
		WAY('u', GetUniformuiv, put_unsigneds)
		WAY('l', GetUniformi64vARB, put_longs)
		WAY('m', GetUniformui64vARB, put_unsigned_longs)
	default:
		take_refuse(t, "uniforms of type 0x%x are not kept yet", gl_type);
	}
}

static void put_uniform(struct take *t, GLuint name, GLuint driver, GLuint index)
{
	char uniform[NAME_MAX_BYTES] = "", element[NAME_MAX_BYTES + 16];
	GLint size = 0;
	GLenum type = 0;
	t->gl->GetActiveUniform(driver, index, sizeof(uniform), NULL, &size, &type, uniform);
	const size_t length = strlen(uniform);
	const bool array = length > 3 && !strcmp(uniform + length - 3, "[0]");
	if (array)
		uniform[length - 3] = '\0';
	for (GLint i = 0; i < size; i++) {
		if (array)
			snprintf(element, sizeof(element), "%s[%d]", uniform, i);
		else
			snprintf(element, sizeof(element), "%s", uniform);
		const GLint location = t->gl->GetUniformLocation(driver, element);
		if (location < 0)
			continue;
		PUT(&t->out, glGetUniformLocation, .program = name, .name = text(t, element));
		PUT(&t->out, ckExpect, .value = (GLuint64)location);
		put_value(t, name, driver, location, type);
	}
}

/* ---- blocks ---- */

static void put_uniform_blocks(struct take *t, GLuint name, GLuint driver)
{
	const GLint count = program_value(t, driver, GL_ACTIVE_UNIFORM_BLOCKS);
	for (GLint i = 0; i < count; i++) {
		char block[NAME_MAX_BYTES] = "";
		GLint binding = 0;
		t->gl->GetActiveUniformBlockName(driver, (GLuint)i, sizeof(block), NULL, block);
		t->gl->GetActiveUniformBlockiv(
			driver, (GLuint)i, GL_UNIFORM_BLOCK_BINDING, &binding);
		PUT(&t->out, glGetUniformBlockIndex, .program = name,
			.uniformBlockName = text(t, block));
		PUT(&t->out, ckExpect, .value = (GLuint64)i);
		PUT(&t->out, glUniformBlockBinding, .program = name, .uniformBlockIndex = (GLuint)i,
			.uniformBlockBinding = (GLuint)binding);
	}
}

static void put_storage_blocks(struct take *t, GLuint name, GLuint driver)
{
	static const GLenum property = GL_BUFFER_BINDING;
	GLint count = 0;
	t->gl->GetProgramInterfaceiv(driver, GL_SHADER_STORAGE_BLOCK, GL_ACTIVE_RESOURCES, &count);
	if (take_failed(t))
		return;
	for (GLint i = 0; i < count; i++) {
		GLint binding = 0;
		t->gl->GetProgramResourceiv(driver, GL_SHADER_STORAGE_BLOCK, (GLuint)i, 1,
			&property, 1, NULL, &binding);
		PUT(&t->out, glShaderStorageBlockBinding, .program = name,
			.storageBlockIndex = (GLuint)i, .storageBlockBinding = (GLuint)binding);
	}
}

static void put_values(struct take *t, GLuint name, GLuint driver)
{
	const GLint count = program_value(t, driver, GL_ACTIVE_UNIFORMS);
	for (GLint i = 0; i < count; i++)
		put_uniform(t, name, driver, (GLuint)i);
	put_uniform_blocks(t, name, driver);
	put_storage_blocks(t, name, driver);
}

static void put_program(struct take *t, GLuint name, GLuint driver)
{
	const struct memo_program *memo = memo_find(t->context->group->memo, name);
	PUT(&t->out, glCreateProgram, .made = name);
	if (program_value(t, driver, GL_PROGRAM_SEPARABLE))
		PUT(&t->out, glProgramParameteri, .program = name, .pname = GL_PROGRAM_SEPARABLE,
			.value = 1);
	if (program_value(t, driver, GL_PROGRAM_BINARY_RETRIEVABLE_HINT))
		PUT(&t->out, glProgramParameteri, .program = name,
			.pname = GL_PROGRAM_BINARY_RETRIEVABLE_HINT, .value = 1);
	if (memo && memo->linked)
		put_linked(t, memo, name, driver);
	if (memo)
		put_wishes(t, memo, name);
	put_attached(t, name, driver);
	if (memo && memo->linked && memo->status)
		put_values(t, name, driver);
}

void take_programs(struct take *t)
{
	struct names *names = t->names[NAMES_program];
	for (int step = 0; step < 3; step++)
		for (GLuint name = 0; (name = names_next(names, name));) {
			const GLuint driver = names_to_driver(names, name);
			if (names_foreign(driver) || names_known(names, driver) != name)
				continue;
			const bool shader = t->gl->IsShader(driver);
			if (step == 0 && shader) {
				put_shader(t, name, driver);
				take_label(t, GL_SHADER, name, driver);
			} else if (step == 1 && t->gl->IsProgram(driver)) {
				put_program(t, name, driver);
				take_label(t, GL_PROGRAM, name, driver);
			} else if (step == 2 && shader && shader_value(t, driver, GL_DELETE_STATUS))
				PUT(&t->out, glDeleteShader, .shader = name);
		}
}

void take_deleted(struct take *t)
{
	struct names *names = t->names[NAMES_program];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		if (names_foreign(driver) || names_known(names, driver) != name)
			continue;
		if (t->gl->IsProgram(driver) && program_value(t, driver, GL_DELETE_STATUS))
			PUT(&t->out, glDeleteProgram, .program = name);
	}
}
