/* What is open: a primitive, a display list, a mapped buffer. */
#include "kinds.h"

#include <string.h>

static void begin_primitive(void)
{
	glBegin(GL_TRIANGLE_FAN);
	glColor3f(1, 0, 0);
	glVertex2f(-0.5f, -0.5f);
	glColor3f(0, 1, 0);
	glVertex2f(0.5f, -0.5f);
	glTexCoord2f(0.25f, 0.5f);
}

static void end_primitive(void)
{
	GLfloat place[4] = {0};
	glVertex2f(0.5f, 0.75f);
	glColor3f(0, 0, 1);
	glVertex2f(-0.25f, 0.5f);
	glEnd();
	say_picture("drawn");
	glGetFloatv(GL_CURRENT_TEXTURE_COORDS, place);
	say("coordinates %g %g", (double)place[0], (double)place[1]);
}

static GLuint list;

static void begin_list(void)
{
	list = glGenLists(1);
	glNewList(list, GL_COMPILE);
	fill(0, 0, 30, 30, 1, 0, 0);
	glTranslatef(0.5f, 0, 0);
	glBegin(GL_TRIANGLES);
	glVertex2f(0, 0);
}

static void end_list(void)
{
	glVertex2f(0.5f, 0);
	glVertex2f(0.5f, 0.5f);
	glEnd();
	glEndList();
	say_picture("before");
	glCallList(list);
	say_picture("called");
	glCallList(list);
	say_picture("called again");
}

static char *mapped;

static void begin_map(void)
{
	static const char first[] = "as it was, to begin with";
	GLuint buffer;
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBufferData(GL_ARRAY_BUFFER, sizeof(first), first, GL_DYNAMIC_DRAW);
	mapped = glMapBufferRange(GL_ARRAY_BUFFER, 3, 8, GL_MAP_READ_BIT | GL_MAP_WRITE_BIT);
	memcpy(mapped, "was", 3);
}

static void end_map(void)
{
	char text[64] = "";
	memcpy(mapped + 4, "HERE", 4);
	say("unmapped %d", glUnmapBuffer(GL_ARRAY_BUFFER));
	glGetBufferSubData(GL_ARRAY_BUFFER, 0, 25, text);
	say("%s", text);
}

/* ---- an error that nobody has asked for yet; the first one counts ---- */

static void begin_error(void)
{
	glEnable(GL_VENDOR);
	glPopMatrix();
}

static void end_error(void)
{
	glBindTexture(GL_TEXTURE_2D, 0);
	say("error 0x%x", glGetError());
}

/* ---- a mapping that both sides use all the time ---- */

static GLuint shared, source;
static char *common;

static void begin_persistent(void)
{
	const GLbitfield both =
		GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT;
	glCreateBuffers(1, &source);
	glNamedBufferStorage(source, 4, "copy", 0);
	glGenBuffers(1, &shared);
	glBindBuffer(GL_ARRAY_BUFFER, shared);
	glBufferStorage(GL_ARRAY_BUFFER, 64, NULL, both);
	common = glMapBufferRange(GL_ARRAY_BUFFER, 0, 64, both);
	memset(common, '.', 64);
	memcpy(common, "before", 6);
	glCopyNamedBufferSubData(source, shared, 0, 20, 4);
}

static void end_persistent(void)
{
	char text[33] = "";
	glFinish();
	say("%.32s", common);
	memcpy(common + 8, "after", 5);
	glGetBufferSubData(GL_ARRAY_BUFFER, 0, 32, text);
	say("%s", text);
	glCopyNamedBufferSubData(source, shared, 0, 26, 4);
	glFinish();
	say("%.32s", common);
	say("unmapped %d", glUnmapBuffer(GL_ARRAY_BUFFER));
}

/* ---- a mapping whose writes are said one by one ---- */

static GLuint streamed;
static char *written;

static void begin_flushed(void)
{
	glGenBuffers(1, &streamed);
	glBindBuffer(GL_COPY_WRITE_BUFFER, streamed);
	glBufferData(GL_COPY_WRITE_BUFFER, 32, "................................", GL_STREAM_DRAW);
	written = glMapBufferRange(
		GL_COPY_WRITE_BUFFER, 4, 24, GL_MAP_WRITE_BIT | GL_MAP_FLUSH_EXPLICIT_BIT);
	memcpy(written, "said", 4);
	glFlushMappedBufferRange(GL_COPY_WRITE_BUFFER, 0, 4);
	memcpy(written + 8, "not yet", 7);
}

static void end_flushed(void)
{
	char text[33] = "";
	glFlushMappedBufferRange(GL_COPY_WRITE_BUFFER, 8, 7);
	say("unmapped %d", glUnmapBuffer(GL_COPY_WRITE_BUFFER));
	glGetBufferSubData(GL_COPY_WRITE_BUFFER, 0, 32, text);
	say("%s", text);
}

/* ---- a list that draws as well, in the middle of a primitive ---- */

static void begin_both(void)
{
	list = glGenLists(1);
	glNewList(list, GL_COMPILE_AND_EXECUTE);
	glColor3f(0, 1, 1);
	glBegin(GL_QUADS);
	glVertex2f(-0.9f, -0.9f);
	glVertex2f(-0.1f, -0.8f);
}

static void end_both(void)
{
	glColor3f(1, 0, 1);
	glVertex2f(-0.2f, 0);
	glVertex2f(-0.8f, 0.1f);
	glEnd();
	glTranslatef(0.6f, 0.4f, 0);
	glEndList();
	say_picture("executed");
	glCallList(list);
	say_picture("called");
}

const struct kind kinds_open[] = {{"list", begin_list, end_list, 0}, {"map", begin_map, end_map, 0},
	{"error", begin_error, end_error, 0}, {"persistent", begin_persistent, end_persistent, 0},
	{"flushed", begin_flushed, end_flushed, 0}, {"both", begin_both, end_both, KIND_ALONE},
	{"primitive", begin_primitive, end_primitive, 0}, {0}};
