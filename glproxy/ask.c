/*
 * Sizes that only the driver knows, asked without a trace: pending errors stay as they are.
 */
#include "hand.h"

static GLint level(
	struct exec *x, enum wire_ask what, GLuint object, GLenum target, GLint index, GLenum pname)
{
	const struct driver *gl = x->driver;
	GLint value = -1;
	if (what == WIRE_ASK_LEVEL)
		gl->GetTexLevelParameteriv(target, index, pname, &value);
	else if (what == WIRE_ASK_UNIT_LEVEL)
		gl->GetMultiTexLevelParameterivEXT(object, target, index, pname, &value);
	else if (what == WIRE_ASK_NAMED_LEVEL)
		gl->GetTextureLevelParameteriv(
			exec_name(x, NAMES_texture, object), index, pname, &value);
	else
		gl->GetTextureLevelParameterivEXT(
			exec_name(x, NAMES_texture, object), target, index, pname, &value);
	return value;
}

static GLint of_program(
	struct exec *x, enum wire_ask what, GLuint object, GLenum target, GLint index, GLenum pname)
{
	const struct driver *gl = x->driver;
	const GLuint program = exec_name(x, NAMES_program, object);
	GLint value = -1;
	if (what == WIRE_ASK_BLOCK)
		gl->GetActiveUniformBlockiv(program, (GLuint)index, pname, &value);
	else if (what == WIRE_ASK_ATOMIC)
		gl->GetActiveAtomicCounterBufferiv(program, (GLuint)index, pname, &value);
	else
		gl->GetActiveSubroutineUniformiv(program, target, (GLuint)index, pname, &value);
	return value;
}

static GLint map_order(struct exec *x, GLenum target)
{
	GLint order[2] = {1, 1};
	x->driver->GetMapiv(target, GL_ORDER, order);
	return order[0] * order[1];
}

/* Texture targets, and what is bound to each. */
static const GLenum targets[][2] = {
	{GL_TEXTURE_2D, GL_TEXTURE_BINDING_2D},
	{GL_TEXTURE_CUBE_MAP, GL_TEXTURE_BINDING_CUBE_MAP},
	{GL_TEXTURE_2D_ARRAY, GL_TEXTURE_BINDING_2D_ARRAY},
	{GL_TEXTURE_3D, GL_TEXTURE_BINDING_3D},
	{GL_TEXTURE_1D, GL_TEXTURE_BINDING_1D},
	{GL_TEXTURE_1D_ARRAY, GL_TEXTURE_BINDING_1D_ARRAY},
	{GL_TEXTURE_CUBE_MAP_ARRAY, GL_TEXTURE_BINDING_CUBE_MAP_ARRAY},
	{GL_TEXTURE_RECTANGLE, GL_TEXTURE_BINDING_RECTANGLE},
	{GL_TEXTURE_2D_MULTISAMPLE, GL_TEXTURE_BINDING_2D_MULTISAMPLE},
	{GL_TEXTURE_2D_MULTISAMPLE_ARRAY, GL_TEXTURE_BINDING_2D_MULTISAMPLE_ARRAY},
	{GL_TEXTURE_BUFFER, GL_TEXTURE_BINDING_BUFFER},
};

/* GL_TEXTURE_TARGET can be asked for in the core profile alone: elsewhere the target is the one
 * that the texture can be bound to. */
static GLint target_of(const struct driver *gl, GLuint texture)
{
	GLint value = -1;
	gl->GetTextureParameteriv(texture, GL_TEXTURE_TARGET, &value);
	if (value > 0 || !texture)
		return value;
	while (gl->GetError())
		;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		GLint bound = 0;
		gl->GetIntegerv(targets[i][1], &bound);
		gl->BindTexture(targets[i][0], texture);
		const bool fits = gl->GetError() == GL_NO_ERROR;
		gl->BindTexture(targets[i][0], (GLuint)bound);
		if (fits)
			return (GLint)targets[i][0];
	}
	return -1;
}

static GLint ask(
	struct exec *x, enum wire_ask what, GLuint object, GLenum target, GLint index, GLenum pname)
{
	const struct driver *gl = x->driver;
	GLint value = -1;
	switch (what) {
	case WIRE_ASK_LEVEL:
	case WIRE_ASK_UNIT_LEVEL:
	case WIRE_ASK_NAMED_LEVEL:
	case WIRE_ASK_NAMED_LEVEL_EXT:
		return level(x, what, object, target, index, pname);
	case WIRE_ASK_INTEGER:
		gl->GetIntegerv(pname, &value);
		return value;
	case WIRE_ASK_NAMED_TARGET:
		return target_of(gl, exec_name(x, NAMES_texture, object));
	case WIRE_ASK_PROGRAM_TEXT:
		gl->GetProgramivARB(target, pname, &value);
		return value;
	case WIRE_ASK_NAMED_PROGRAM_TEXT:
		gl->GetNamedProgramivEXT(exec_name(x, NAMES_arb_program, object),
			GL_VERTEX_PROGRAM_ARB, pname, &value);
		return value;
	case WIRE_ASK_BLOCK:
	case WIRE_ASK_ATOMIC:
	case WIRE_ASK_SUBROUTINE:
		return of_program(x, what, object, target, index, pname);
	case WIRE_ASK_MAP_ORDER:
		return map_order(x, target);
	}
	return -1;
}

int64_t exec_ask(struct wire_state *st, enum wire_ask what, GLuint object, GLenum target,
	GLint index, GLenum pname)
{
	struct exec *x = exec_of_state(st);
	exec_errors_take(x);
	const GLint value = ask(x, what, object, target, index, pname);
	while (x->driver->GetError())
		;
	return value;
}

GLint proxy_ckAsk(
	struct exec *x, GLuint what, GLuint object, GLenum target, GLint index, GLenum pname)
{
	return (GLint)exec_ask(&x->state, (enum wire_ask)what, object, target, index, pname);
}
