/* What a program is told of its OpenGL: it must be told the same ever after. */
#define _GNU_SOURCE
#include "kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const GLenum limits[] = {GL_MAX_TEXTURE_SIZE, GL_MAX_3D_TEXTURE_SIZE,
	GL_MAX_CUBE_MAP_TEXTURE_SIZE, GL_MAX_ARRAY_TEXTURE_LAYERS, GL_MAX_SAMPLES,
	GL_MAX_COMBINED_TEXTURE_IMAGE_UNITS, GL_MAX_DRAW_BUFFERS, GL_MAX_VERTEX_ATTRIBS,
	GL_MAX_UNIFORM_BLOCK_SIZE, GL_MAX_UNIFORM_BUFFER_BINDINGS, GL_MAX_TEXTURE_BUFFER_SIZE,
	GL_MAX_VIEWPORT_DIMS, GL_ALIASED_LINE_WIDTH_RANGE, GL_UNIFORM_BUFFER_OFFSET_ALIGNMENT,
	GL_MAJOR_VERSION, GL_MINOR_VERSION};
static char *before;

static void add(char **text, const char *more)
{
	char *both = NULL;
	if (asprintf(&both, "%s%s\n", *text ? *text : "", more ? more : "none") < 0)
		fail("no memory");
	free(*text);
	*text = both;
}

static void add_number(char **text, GLfloat number)
{
	char digits[32];
	snprintf(digits, sizeof(digits), "%.9g", (double)number);
	add(text, digits);
}

static char *all_that_is_told(void)
{
	char *text = NULL;
	GLint count = 0;
	for (GLenum name = GL_VENDOR; name <= GL_VERSION; name++)
		add(&text, (const char *)glGetString(name));
	add(&text, (const char *)glGetString(GL_SHADING_LANGUAGE_VERSION));
	glGetIntegerv(GL_NUM_EXTENSIONS, &count);
	for (GLint i = 0; i < count; i++)
		add(&text, (const char *)glGetStringi(GL_EXTENSIONS, (GLuint)i));
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		GLfloat values[4] = {0};
		glGetFloatv(limits[i], values);
		add_number(&text, values[0]);
		add_number(&text, values[1]);
	}
	return text;
}

static void begin_told(void)
{
	before = all_that_is_told();
}

static void end_told(void)
{
	char *after = all_that_is_told();
	say("the same %d", !strcmp(before, after));
	free(after);
	free(before);
}

const struct kind kinds_told[] = {{"told", begin_told, end_told, 0}, {0}};
