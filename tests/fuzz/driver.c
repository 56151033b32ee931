#include "tests/fuzz/driver.h"

#include <stdlib.h>
#include <string.h>

#define MAP_LARGEST (1 << 20)
#define MAPS 64

static uint32_t random_state;
static GLuint last_name;
static uintptr_t last_sync;
static void *maps[MAPS];
static unsigned map_count;

void fuzz_driver_begin(uint32_t seed)
{
	random_state = seed | 1;
	last_name = 0;
	last_sync = 0;
	while (map_count)
		free(maps[--map_count]);
}

static uint32_t next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

/* Mostly small numbers, now and then one that nobody expects. */
static GLint number(void)
{
	static const GLint odd[] = {-1, 0, INT32_MAX, INT32_MIN, 65536, 4096};
	const uint32_t value = next();
	return value % 8 ? (GLint)(value >> 8 & 31) : odd[value / 8 % 6];
}

static uint64_t answer(void)
{
	return (uint64_t)(int64_t)number();
}

static GLenum no_error(void)
{
	return next() % 16 ? GL_NO_ERROR : GL_INVALID_OPERATION;
}

static void give_names(GLsizei count, GLuint *names)
{
	for (GLsizei i = 0; names && i < count; i++)
		names[i] = ++last_name;
}

static void give_names_of_target(GLenum target, GLsizei count, GLuint *names)
{
	give_names(count, names);
}

static GLuint give_name(void)
{
	return ++last_name;
}

static GLsync give_sync(GLenum condition, GLbitfield flags)
{
	return (GLsync)(++last_sync * 16);
}

static void *give_map(GLsizeiptr length)
{
	if (length <= 0 || length > MAP_LARGEST || map_count == MAPS || next() % 8 == 0)
		return NULL;
	void *map = calloc(1, (size_t)length);
	if (map)
		maps[map_count++] = map;
	return map;
}

static void *map_range(GLenum target, GLintptr offset, GLsizeiptr length, GLbitfield access)
{
	return give_map(length);
}

static void *map_named(GLuint buffer, GLintptr offset, GLsizeiptr length, GLbitfield access)
{
	return give_map(length);
}

/* The GL reads what it is given. */
static void read_bytes(const void *data, GLsizeiptr size)
{
	static volatile uint8_t sum;
	const uint8_t *bytes = data;
	for (GLsizeiptr i = 0; bytes && i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
}

static void buffer_data(GLenum target, GLsizeiptr size, const void *data, GLenum usage)
{
	read_bytes(data, size);
}

static void buffer_sub_data(GLenum target, GLintptr offset, GLsizeiptr size, const void *data)
{
	read_bytes(data, size);
}

static void get_buffer_sub_data(GLenum target, GLintptr offset, GLsizeiptr size, void *data)
{
	if (data && size > 0)
		memset(data, 0x55, (size_t)size);
}

static void shader_source(
	GLuint shader, GLsizei count, const GLchar *const *string, const GLint *length)
{
	for (GLsizei i = 0; string && i < count; i++)
		read_bytes(string[i], (GLsizeiptr)(string[i] ? strlen(string[i]) + 1 : 0));
}

static void uniform4fv(GLint location, GLsizei count, const GLfloat *value)
{
	read_bytes(value, (GLsizeiptr)count * 16);
}

/* A program that brings no room crashes a driver of today; its proxy alone may go with it. */
static void tell(GLint *data)
{
	if (data)
		*data = number();
}

/* A driver's list of extensions is not endless. */
static void get_integer(GLenum pname, GLint *data)
{
	tell(data);
	if (data && pname == GL_NUM_EXTENSIONS)
		*data = 4;
}

static void get_of_target(GLenum target, GLenum pname, GLint *data)
{
	tell(data);
}

static void get_level(GLenum target, GLint level, GLenum pname, GLint *data)
{
	tell(data);
}

static void get_named_level(GLuint texture, GLint level, GLenum pname, GLint *data)
{
	tell(data);
}

static void get_attachment(GLenum target, GLenum attachment, GLenum pname, GLint *data)
{
	tell(data);
}

static void get_block(GLuint program, GLuint index, GLenum pname, GLint *data)
{
	tell(data);
}

static const GLubyte *text(GLenum name)
{
	return (const GLubyte *)(name == GL_EXTENSIONS ? "GL_ARB_sync GL_EXT_nothing " : "fuzz");
}

static const GLubyte *text_of_index(GLenum name, GLuint index)
{
	return (const GLubyte *)(index % 2 ? "GL_ARB_sync" : "GL_EXT_nothing");
}

static void uniform_values(GLuint program, GLint location, GLint *values)
{
	for (int i = 0; values && i < 4; i++)
		values[i] = number();
}

#define FILL(first, second, call)        \
	do {                             \
		driver->first = (call);  \
		driver->second = (call); \
	} while (0)

static void fill_names(struct driver *driver)
{
	FILL(GenTextures, GenBuffers, give_names);
	FILL(GenFramebuffers, GenRenderbuffers, give_names);
	FILL(GenVertexArrays, GenSamplers, give_names);
	FILL(GenQueries, GenProgramPipelines, give_names);
	FILL(GenTransformFeedbacks, GenProgramsARB, give_names);
	FILL(CreateBuffers, CreateFramebuffers, give_names);
	FILL(CreateVertexArrays, CreateSamplers, give_names);
	FILL(CreateQueries, CreateTextures, give_names_of_target);
	driver->CreateProgram = give_name;
	driver->FenceSync = give_sync;
}

static void fill_data(struct driver *driver)
{
	driver->MapBufferRange = map_range;
	driver->MapNamedBufferRange = map_named;
	driver->BufferData = buffer_data;
	driver->BufferSubData = buffer_sub_data;
	driver->GetBufferSubData = get_buffer_sub_data;
	driver->ShaderSource = shader_source;
	driver->Uniform4fv = uniform4fv;
}

static void fill_answers(struct driver *driver)
{
	driver->GetError = no_error;
	driver->GetIntegerv = get_integer;
	FILL(GetMapiv, GetProgramivARB, get_of_target);
	FILL(GetTextureParameteriv, GetFramebufferParameteriv, get_of_target);
	driver->GetTexLevelParameteriv = get_level;
	driver->GetTextureLevelParameteriv = get_named_level;
	FILL(GetFramebufferAttachmentParameteriv, GetNamedFramebufferAttachmentParameteriv,
		get_attachment);
	FILL(GetActiveUniformBlockiv, GetActiveAtomicCounterBufferiv, get_block);
	driver->GetString = text;
	driver->GetStringi = text_of_index;
	driver->GetUniformiv = uniform_values;
}

void fuzz_driver_fill(struct driver *driver)
{
	uint64_t (*call)(void) = answer;
	for (size_t at = 0; at < sizeof(*driver); at += sizeof(call))
		memcpy((char *)driver + at, &call, sizeof(call));
	fill_names(driver);
	fill_data(driver);
	fill_answers(driver);
}
