/*
 * Current values of generic vertex attributes.
 *
 * What type a value was set with a driver does not tell, and it means something to a shader of the
 * same type alone (OpenGL 4.6, 10.2.1). So it is asked for and set in the type in which a program
 * of the share group reads the attribute, the current one's where they disagree; as floats where
 * none does.
 */
#include "glproxy/snapshot_stream.h"

#define ATTRIBUTES 64
#define NAME_MAX_BYTES 1024

/* What the types are of which there is more than floats. */
static const struct {
	GLenum type;
	char letter;
	unsigned char slots; /* a column each */
} types[] = {{GL_INT, 'i', 1}, {GL_INT_VEC2, 'i', 1}, {GL_INT_VEC3, 'i', 1}, {GL_INT_VEC4, 'i', 1},
	{GL_UNSIGNED_INT, 'u', 1}, {GL_UNSIGNED_INT_VEC2, 'u', 1}, {GL_UNSIGNED_INT_VEC3, 'u', 1},
	{GL_UNSIGNED_INT_VEC4, 'u', 1}, {GL_DOUBLE, 'd', 1}, {GL_DOUBLE_VEC2, 'd', 1},
	{GL_DOUBLE_VEC3, 'd', 1}, {GL_DOUBLE_VEC4, 'd', 1}, {GL_DOUBLE_MAT2, 'd', 2},
	{GL_DOUBLE_MAT2x3, 'd', 2}, {GL_DOUBLE_MAT2x4, 'd', 2}, {GL_DOUBLE_MAT3, 'd', 3},
	{GL_DOUBLE_MAT3x2, 'd', 3}, {GL_DOUBLE_MAT3x4, 'd', 3}, {GL_DOUBLE_MAT4, 'd', 4},
	{GL_DOUBLE_MAT4x2, 'd', 4}, {GL_DOUBLE_MAT4x3, 'd', 4}};

static void note_attribute(struct take *t, GLuint program, GLuint which, char *letters)
{
	char name[NAME_MAX_BYTES] = "";
	GLint size = 0;
	GLenum type = 0;
	t->gl->GetActiveAttrib(program, which, sizeof(name), NULL, &size, &type, name);
	const GLint location = t->gl->GetAttribLocation(program, name);
	for (size_t i = 0; i < array_len(types) && location >= 0; i++)
		for (GLint slot = 0; types[i].type == type && slot < size * types[i].slots; slot++)
			if (location + slot < ATTRIBUTES)
				letters[location + slot] = types[i].letter;
}

static void note_program(struct take *t, GLuint program, char *letters)
{
	GLint count = 0, linked = 0;
	t->gl->GetProgramiv(program, GL_LINK_STATUS, &linked);
	t->gl->GetProgramiv(program, GL_ACTIVE_ATTRIBUTES, &count);
	for (GLint i = 0; linked && i < count; i++)
		note_attribute(t, program, (GLuint)i, letters);
	take_failed(t);
}

static void note_programs(struct take *t, char *letters)
{
	struct names *names = t->names[NAMES_program];
	const GLuint current = (GLuint)take_integer(t, GL_CURRENT_PROGRAM);
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		if (!names_foreign(driver) && t->gl->IsProgram(driver))
			note_program(t, driver, letters);
	}
	if (current)
		note_program(t, current, letters);
}

/* PUT() of a call whose values lie in the message. */
#define PUT_VALUES(t, call, get, i)                                                    \
	do {                                                                           \
		struct wire_##call message = {                                         \
			.head = {WIRE_##call, (sizeof(message) + 7) / 8}, .index = i}; \
		(t)->gl->get(i, GL_CURRENT_VERTEX_ATTRIB, message.v);                  \
		if (!take_failed(t))                                                   \
			stream_put(&(t)->out, &message, sizeof(message));              \
	} while (0)

static void put_current(struct take *t, GLuint i, char letter)
{
	if (letter == 'i')
		PUT_VALUES(t, glVertexAttribI4iv, GetVertexAttribIiv, i);
	else if (letter == 'u')
		PUT_VALUES(t, glVertexAttribI4uiv, GetVertexAttribIuiv, i);
	else if (letter == 'd')
		PUT_VALUES(t, glVertexAttribL4dv, GetVertexAttribLdv, i);
	else
		PUT_VALUES(t, glVertexAttrib4fv, GetVertexAttribfv, i);
}

/* Attribute 0 of a compatibility profile is the vertex. */
void take_current_attributes(struct take *t, bool fixed_function)
{
	char letters[ATTRIBUTES] = "";
	const GLint count = take_integer(t, GL_MAX_VERTEX_ATTRIBS);
	note_programs(t, letters);
	for (GLuint i = fixed_function; i < (GLuint)count && i < ATTRIBUTES; i++)
		put_current(t, i, letters[i]);
}
