/* Debug output: a callback, groups that are open, messages let through or not, labels. */
#include "kinds.h"

#include <string.h>

static GLuint buffer;

static void note(GLenum source, GLenum type, GLuint id, GLenum severity, GLsizei length,
	const GLchar *text, const void *data)
{
	if (type != GL_DEBUG_TYPE_OTHER && type != GL_DEBUG_TYPE_PERFORMANCE)
		say("message %x %u %.*s", type, id, (int)length, text);
}

static void insert(GLuint id, const char *text)
{
	glDebugMessageInsert(GL_DEBUG_SOURCE_APPLICATION, GL_DEBUG_TYPE_MARKER, id,
		GL_DEBUG_SEVERITY_HIGH, -1, text);
}

static void begin_debug(void)
{
	static const GLuint silent[] = {4, 7};
	glEnable(GL_DEBUG_OUTPUT);
	glEnable(GL_DEBUG_OUTPUT_SYNCHRONOUS);
	glDebugMessageCallback(note, NULL);
	glDebugMessageControl(GL_DEBUG_SOURCE_APPLICATION, GL_DEBUG_TYPE_MARKER, GL_DONT_CARE, 2,
		silent, GL_FALSE);
	glPushDebugGroup(GL_DEBUG_SOURCE_APPLICATION, 11, -1, "outer");
	glDebugMessageControl(GL_DEBUG_SOURCE_APPLICATION, GL_DEBUG_TYPE_MARKER, GL_DONT_CARE, 1,
		silent, GL_TRUE);
	glPushDebugGroup(GL_DEBUG_SOURCE_APPLICATION, 12, 5, "innermost");
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glObjectLabel(GL_BUFFER, buffer, -1, "corners");
}

static void end_debug(void)
{
	char label[16] = "";
	GLint depth = 0;
	glGetIntegerv(GL_DEBUG_GROUP_STACK_DEPTH, &depth);
	say("depth %d", depth);
	insert(4, "seen in the group");
	insert(7, "never seen");
	glPopDebugGroup();
	glPopDebugGroup();
	insert(4, "not seen outside");
	insert(8, "seen");
	glGetObjectLabel(GL_BUFFER, buffer, sizeof(label), NULL, label);
	say("label %s", label);
	glDebugMessageCallback(NULL, NULL);
}

const struct kind kinds_debug[] = {{"debug", begin_debug, end_debug, 0}, {0}};
