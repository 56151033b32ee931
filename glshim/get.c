/*
 * Answers. Most are asked of the proxy; what the shim answers by itself says why it may.
 */
#include "glshim/calm.h"
#include "glshim/context.h"

#include "entries.h"
#include "messages.h"

#include <stdlib.h>
#include <string.h>

/* ---- glGetError ---- */

/* Every error comes of a call, and every call puts a message: where nothing was put since the proxy
 * last said that there is no error, or only what cannot have made one (calm.h), there is none. */
GLenum shim_glGetError(void)
{
	struct shim_context *self = shim_current;
	if (self->quiet == self->position)
		return GL_NO_ERROR;
	const uint64_t before = self->position;
	const GLenum error = send_glGetError();
	calm_still(self, before);
	if (error || self->lost) /* of whichever call: none of them is known to be good */
		memset(self->tried, 0, sizeof(self->tried));
	else
		self->quiet = self->no_error = self->position;
	return error;
}

/* ---- glGet*v ---- */

/* Values that change by themselves, without a call of this context. */
static bool restless(GLenum pname)
{
	switch (pname) {
	case GL_TIMESTAMP:
	case 0x8FBB: /* GL_GPU_DISJOINT_EXT */
	case GL_RESET_NOTIFICATION_STRATEGY:
	case GL_DEBUG_LOGGED_MESSAGES:
	case GL_DEBUG_NEXT_LOGGED_MESSAGE_LENGTH:
		return true;
	default:
		return false;
	}
}

/* An answer is good as long as no message was put after it that changes state: a context's state
 * changes by its own calls alone. */
static struct shim_answer *answer_slot(struct shim_context *self, GLenum pname)
{
	return &self->answers[(pname * 2654435761u >> 16) % SHIM_CACHE];
}

static bool recall(
	struct shim_context *self, GLenum pname, uint32_t kind, void *data, size_t *bytes)
{
	const struct shim_answer *answer = answer_slot(self, pname);
	if (!answer->moment || !calm_since(self, answer->moment) || answer->pname != pname ||
		answer->kind != kind)
		return false;
	memcpy(data, answer->values, answer->bytes);
	*bytes = answer->bytes;
	return true;
}

static void remember(
	struct shim_context *self, GLenum pname, uint32_t kind, const void *data, size_t bytes)
{
	struct shim_answer *answer = answer_slot(self, pname);
	if (restless(pname) || bytes > sizeof(answer->values) || self->lost)
		return;
	answer->pname = pname;
	answer->kind = kind;
	answer->bytes = (uint32_t)bytes;
	answer->moment = self->position;
	memcpy(answer->values, data, bytes);
}

/* A get that succeeded changes nothing and made no error. */
static void succeeded(struct shim_context *self, uint64_t before)
{
	calm_still(self, before);
	if (self->quiet == before)
		self->quiet = self->position;
}

/* A get that GL refuses leaves the values alone: such an answer is the program's own, and asking
 * again must make the error again, so it is not kept. */
#define GET(suffix, type, code)                                                \
	void shim_glGet##suffix(GLenum pname, type *data)                      \
	{                                                                      \
		struct shim_context *self = shim_current;                      \
		size_t bytes;                                                  \
		if (!data || recall(self, pname, code, data, &bytes))          \
			return;                                                \
		const uint64_t before = self->position;                        \
		const uint64_t status = send_get##suffix(pname, data, &bytes); \
		if (!status)                                                   \
			return;                                                \
		succeeded(self, before);                                       \
		remember(self, pname, code, data, bytes);                      \
	}

#define SEND(suffix, type)                                                                    \
	static uint64_t send_get##suffix(GLenum pname, type *data, size_t *bytes)             \
	{                                                                                     \
		struct shim_context *self = shim_current;                                     \
		*bytes = wire_bytes(wire_get_count(&self->state, pname), sizeof(*data));      \
		struct shim_data place;                                                       \
		struct wire_glGet##suffix *message =                                          \
			shim_put_data(&place, self, WIRE_glGet##suffix, sizeof(*message), 0); \
		const struct wire_data out = shim_out(&place, data, *bytes);                  \
		message->pname = pname;                                                       \
		message->data = out;                                                          \
		shim_publish(self);                                                           \
		const uint64_t status = shim_wait(self);                                      \
		shim_fetch(self, data, &out);                                                 \
		return status;                                                                \
	}

SEND(Booleanv, GLboolean)
SEND(Integerv, GLint)
SEND(Integer64v, GLint64)
SEND(Floatv, GLfloat)
SEND(Doublev, GLdouble)
GET(Booleanv, GLboolean, 1)
GET(Integerv, GLint, 2)
GET(Integer64v, GLint64, 3)
GET(Floatv, GLfloat, 4)
GET(Doublev, GLdouble, 5)

/* ---- strings: they never change while a context lives ---- */

struct text {
	struct text *next;
	GLenum name;
	GLint index;
	const struct shim_context *context;
	uint64_t ring; /* which context it was: addresses are used again */
	char text[];
};

#define TEXT_MAX 60000u

/* Strings live as long as the process: programs keep the pointers. */
static struct text *texts;

static const GLubyte *find_text(const struct shim_context *self, GLenum name, GLint index)
{
	for (const struct text *text = texts; text; text = text->next)
		if (text->context == self && text->ring == self->id && text->name == name &&
			text->index == index)
			return (const GLubyte *)text->text;
	return NULL;
}

static const GLubyte *get_text(GLenum name, GLint index)
{
	static char buffer[TEXT_MAX];
	static _Atomic int busy;
	struct shim_context *self = shim_current;
	const GLubyte *known = find_text(self, name, index);
	if (known)
		return known;
	while (atomic_exchange(&busy, 1))
		wire_pause();
	buffer[0] = '\0';
	const GLuint size = send_ckText(name, index, TEXT_MAX, buffer);
	struct text *text = size && size <= TEXT_MAX ? malloc(sizeof(*text) + size) : NULL;
	if (text) {
		memcpy(text->text, buffer, size);
		*text = (struct text){.next = texts,
			.name = name,
			.index = index,
			.context = self,
			.ring = self->id};
		texts = text;
	}
	atomic_store(&busy, 0);
	return text ? (const GLubyte *)text->text : NULL;
}

const GLubyte *shim_glGetString(GLenum name)
{
	return get_text(name, -1);
}

const GLubyte *shim_glGetStringi(GLenum name, GLuint index)
{
	return get_text(name, index > INT32_MAX ? INT32_MAX : (GLint)index);
}

/* ---- locations: only linking changes them, and names of programs are not used twice ---- */

static struct shim_location *location_slot(
	struct shim_context *self, GLuint program, const GLchar *name)
{
	uint32_t hash = program * 2654435761u;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return &self->locations[(hash ^ hash >> 15) % SHIM_LOCATIONS];
}

static bool location_known(const struct shim_context *self, const struct shim_location *slot,
	uint32_t kind, GLuint program, const GLchar *name)
{
	return slot->kind == kind && slot->program == program &&
		slot->links == self->group->links && !strcmp(slot->name, name);
}

static void location_note(const struct shim_context *self, struct shim_location *slot,
	uint32_t kind, GLuint program, const GLchar *name, GLint value)
{
	const size_t length = strlen(name);
	if (value < 0 || length >= SHIM_LOCATION_NAME)
		return; /* an unknown name may be an error too, which asking again must make again
			 */
	slot->kind = kind;
	slot->program = program;
	slot->links = self->group->links;
	slot->value = value;
	memcpy(slot->name, name, length + 1);
}

enum { UNIFORM_LOCATION = 1, ATTRIBUTE_LOCATION, BLOCK_INDEX };

static GLint location(uint32_t kind, GLuint program, const GLchar *name)
{
	struct shim_context *self = shim_current;
	struct shim_location *slot =
		self->group && name ? location_slot(self, program, name) : NULL;
	if (slot && location_known(self, slot, kind, program, name))
		return slot->value;
	const GLint value = kind == UNIFORM_LOCATION ? send_glGetUniformLocation(program, name)
		: kind == ATTRIBUTE_LOCATION         ? send_glGetAttribLocation(program, name)
					     : (GLint)send_glGetUniformBlockIndex(program, name);
	if (slot && !self->lost)
		location_note(self, slot, kind, program, name, value);
	return value;
}

GLint shim_glGetUniformLocation(GLuint program, const GLchar *name)
{
	return location(UNIFORM_LOCATION, program, name);
}

GLint shim_glGetAttribLocation(GLuint program, const GLchar *name)
{
	return location(ATTRIBUTE_LOCATION, program, name);
}

GLuint shim_glGetUniformBlockIndex(GLuint program, const GLchar *uniformBlockName)
{
	return (GLuint)location(BLOCK_INDEX, program, uniformBlockName);
}

static void programs_change(void)
{
	if (shim_current->group)
		shim_current->group->links++;
}

GLuint shim_glCreateShader(GLenum type)
{
	const GLuint made = send_glCreateShader(type);
	if (made && shim_current->group)
		names_note(&shim_current->group->shaders, made);
	return made;
}

static bool any_missing(GLsizei count, const GLchar *const *strings)
{
	for (GLsizei i = 0; i < count; i++)
		if (!strings[i])
			return true;
	return false;
}

/* GL does not look at the strings of what is no shader: they may be none either. */
void shim_glShaderSource(
	GLuint shader, GLsizei count, const GLchar *const *string, const GLint *length)
{
	const struct shim_group *group = shim_current->group;
	const bool known = group && names_has(&group->shaders, shader);
	if (known && string && any_missing(count, string))
		shim_error(shim_current, GL_INVALID_OPERATION);
	else
		send_glShaderSource(shader, count, known ? string : NULL, length);
}

void shim_glLinkProgram(GLuint program)
{
	programs_change();
	send_glLinkProgram(program);
}

void shim_glProgramBinary(GLuint program, GLenum binaryFormat, const void *binary, GLsizei length)
{
	programs_change();
	send_glProgramBinary(program, binaryFormat, binary, length);
}

void shim_glDeleteProgram(GLuint program)
{
	programs_change();
	send_glDeleteProgram(program);
}

/* ---- uniforms: only the driver knows how many values there are ---- */

static void get_uniform(GLenum type, GLuint program, GLint location, GLsizei room, void *params)
{
	GLubyte values[128];
	const GLuint bytes = send_ckUniform(type, program, location, values);
	if (bytes > sizeof(values) || !params)
		return;
	if (room < (GLsizei)bytes)
		shim_error(shim_current, GL_INVALID_OPERATION);
	else
		memcpy(params, values, bytes);
}

#define UNIFORM(name, type, code)                                                  \
	void shim_glGetUniform##name(GLuint program, GLint location, type *params) \
	{                                                                          \
		get_uniform(code, program, location, 128, params);                 \
	}

#define UNIFORM_N(name, type, code)                                            \
	void shim_glGetnUniform##name(                                         \
		GLuint program, GLint location, GLsizei bufSize, type *params) \
	{                                                                      \
		get_uniform(code, program, location, bufSize, params);         \
	}

UNIFORM(fv, GLfloat, GL_FLOAT)
UNIFORM(iv, GLint, GL_INT)
UNIFORM(uiv, GLuint, GL_UNSIGNED_INT)
UNIFORM(dv, GLdouble, GL_DOUBLE)
UNIFORM(i64vARB, GLint64, GL_INT64_ARB)
UNIFORM(ui64vARB, GLuint64, GL_UNSIGNED_INT64_ARB)
UNIFORM_N(fv, GLfloat, GL_FLOAT)
UNIFORM_N(iv, GLint, GL_INT)
UNIFORM_N(uiv, GLuint, GL_UNSIGNED_INT)
UNIFORM_N(dv, GLdouble, GL_DOUBLE)
UNIFORM_N(fvARB, GLfloat, GL_FLOAT)
UNIFORM_N(ivARB, GLint, GL_INT)
UNIFORM_N(uivARB, GLuint, GL_UNSIGNED_INT)
UNIFORM_N(dvARB, GLdouble, GL_DOUBLE)
UNIFORM_N(i64vARB, GLint64, GL_INT64_ARB)
UNIFORM_N(ui64vARB, GLuint64, GL_UNSIGNED_INT64_ARB)

/* ---- what wire/size.c has to ask ---- */

int64_t shim_ask(struct wire_state *st, enum wire_ask what, GLuint object, GLenum target,
	GLint index, GLenum pname)
{
	return send_ckAsk(what, object, target, index, pname);
}
