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

const struct kind kinds_open[] = {{"list", begin_list, end_list, 0}, {"map", begin_map, end_map, 0},
	{"primitive", begin_primitive, end_primitive, 0}, {0}};
