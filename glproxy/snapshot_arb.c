/*
 * ARB vertex and fragment programs: their text and local parameters in a share group; the
 * environment and what is bound in a context. Programs named 0 have a text as well.
 */
#include "glproxy/snapshot_stream.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	GLenum target;
	GLuint parameters; /* at most so many are looked at */
} kinds[] = {{GL_VERTEX_PROGRAM_ARB, 4096}, {GL_FRAGMENT_PROGRAM_ARB, 4096}};

static GLint value(struct take *t, GLenum target, GLenum pname)
{
	GLint found = 0;
	t->gl->GetProgramivARB(target, pname, &found);
	return take_failed(t) ? 0 : found;
}

static bool is_zero(const GLfloat *v)
{
	return v[0] == 0 && v[1] == 0 && v[2] == 0 && v[3] == 0;
}

static GLuint parameter_count(struct take *t, GLenum target, GLenum pname, GLuint most)
{
	const GLuint count = (GLuint)value(t, target, pname);
	return count < most ? count : most;
}

static void put_locals(struct take *t, GLenum target, GLuint most)
{
	const GLuint count = parameter_count(t, target, GL_MAX_PROGRAM_LOCAL_PARAMETERS_ARB, most);
	for (GLuint i = 0; i < count; i++) {
		GLfloat v[4] = {0};
		t->gl->GetProgramLocalParameterfvARB(target, i, v);
		if (!is_zero(v))
			PUT(&t->out, glProgramLocalParameter4fARB, .target = target, .index = i,
				.x = v[0], .y = v[1], .z = v[2], .w = v[3]);
	}
}

static void put_environment(struct take *t, GLenum target, GLuint most)
{
	const GLuint count = parameter_count(t, target, GL_MAX_PROGRAM_ENV_PARAMETERS_ARB, most);
	for (GLuint i = 0; i < count; i++) {
		GLfloat v[4] = {0};
		t->gl->GetProgramEnvParameterfvARB(target, i, v);
		if (!is_zero(v))
			PUT(&t->out, glProgramEnvParameter4fARB, .target = target, .index = i,
				.x = v[0], .y = v[1], .z = v[2], .w = v[3]);
	}
}

/* Of the program that is bound. */
static void put_text(struct take *t, GLenum target)
{
	const GLint length = value(t, target, GL_PROGRAM_LENGTH_ARB);
	scoped_free char *text = calloc(1, (size_t)length + 1);
	if (!text || length <= 0)
		return;
	t->gl->GetProgramStringARB(target, GL_PROGRAM_STRING_ARB, text);
	PUT(&t->out, glProgramStringARB, .target = target, .format = GL_PROGRAM_FORMAT_ASCII_ARB,
		.len = length, .string = stream_data(&t->out, text, (size_t)length));
}

/* False where the program is not of this target. */
static bool put_program(struct take *t, size_t kind, GLuint name, GLuint driver)
{
	const GLenum target = kinds[kind].target;
	t->gl->BindProgramARB(target, driver);
	if (take_failed(t))
		return false;
	PUT(&t->out, glBindProgramARB, .target = target, .program = name);
	put_text(t, target);
	put_locals(t, target, kinds[kind].parameters);
	return true;
}

static void bind_none(struct take *t)
{
	for (size_t kind = 0; kind < array_len(kinds); kind++) {
		t->gl->BindProgramARB(kinds[kind].target, 0);
		PUT(&t->out, glBindProgramARB, .target = kinds[kind].target);
	}
}

/* A context that has no such programs makes an error of their names. */
static bool has_programs(struct take *t)
{
	GLint found = 0;
	t->gl->GetProgramivARB(GL_VERTEX_PROGRAM_ARB, GL_MAX_PROGRAM_ENV_PARAMETERS_ARB, &found);
	return !take_failed(t) && found;
}

static void put_defaults(struct take *t)
{
	for (size_t kind = 0; kind < array_len(kinds); kind++)
		put_program(t, kind, 0, 0);
}

void take_arb_programs(struct take *t)
{
	struct names *names = t->names[NAMES_arb_program];
	if (t->context->core || t->context->api != EGL_OPENGL_API || !has_programs(t))
		return;
	put_defaults(t);
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsProgramARB(driver);
		if (!made && names_foreign(driver))
			continue;
		PUT(&t->out, glGenProgramsARB, .n = 1,
			.programs = stream_data(&t->out, &name, sizeof(name)));
		if (made && !put_program(t, 0, name, driver))
			put_program(t, 1, name, driver);
	}
	bind_none(t);
}

void take_arb_state(struct take *t)
{
	if (t->context->core || t->context->api != EGL_OPENGL_API || !has_programs(t))
		return;
	for (size_t kind = 0; kind < array_len(kinds); kind++) {
		const GLenum target = kinds[kind].target;
		const GLuint driver = (GLuint)value(t, target, GL_PROGRAM_BINDING_ARB);
		put_environment(t, target, kinds[kind].parameters);
		PUT(&t->out, glBindProgramARB, .target = target,
			.program = take_name(
				t, NAMES_arb_program, driver, "ARB program", "the context"));
		if (t->gl->IsEnabled(target))
			PUT(&t->out, glEnable, .cap = target);
		else
			PUT(&t->out, glDisable, .cap = target);
	}
}
