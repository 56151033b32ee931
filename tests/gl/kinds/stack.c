/* State that is stacked, and arrays of the program's memory. */
#include "kinds.h"

/* Mesa lets arrays be enabled as capabilities are. */
static void begin_arrays(void)
{
	glEnable(GL_VERTEX_ARRAY);
	glEnable(GL_COLOR_ARRAY);
	glShadeModel(GL_FLAT);
	glLockArraysEXT(1, 2);
	glPolygonOffsetClamp(1, 2, 0.5f);
}

static void end_arrays(void)
{
	static const float colours[] = {1, 0, 0, 0, 1, 0};
	static const float places[] = {-2, 0, 2, 0};
	static const unsigned indices[] = {0, 1};
	glColorPointer(3, GL_FLOAT, 0, colours);
	glVertexPointer(2, GL_FLOAT, 0, places);
	glDrawElements(GL_LINES, 2, GL_UNSIGNED_INT, indices);
	say_picture("a line");
	glDisable(GL_COLOR_ARRAY);
	glColor3f(0, 0, 1);
	glDrawElements(GL_LINES, 2, GL_UNSIGNED_INT, indices);
	say_picture("a blue line");
	glUnlockArraysEXT();
}

/* ---- */

static GLuint texture;

static void begin_attributes(void)
{
	static const GLubyte pixels[] = {255, 0, 0, 255, 0, 255, 0, 255};
	static const GLfloat position[] = {1, 2, 3, 1};
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, 2, 1, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glColor3f(1, 1, 0);
	glClearColor(0, 0, 0.5f, 1);
	glPushAttrib(GL_ALL_ATTRIB_BITS);
	glTranslatef(0.25f, 0, 0);
	glScissor(3, 5, 30, 20);
	glEnable(GL_SCISSOR_TEST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
	glLightfv(GL_LIGHT0, GL_POSITION, position);
	glEnable(GL_TEXTURE_2D);
	glMatrixMode(GL_PROJECTION);
	glPushAttrib(GL_ENABLE_BIT | GL_CURRENT_BIT);
	glColor3f(0, 1, 1);
	glDisable(GL_SCISSOR_TEST);
	glEnable(GL_BLEND);
	glBlendFunc(GL_ONE, GL_ONE);
	glClearColor(0.5f, 0, 0, 1);
}

static void say_state(const char *when)
{
	GLfloat colour[4], clear[4], position[4];
	GLint mode = 0, filter = 0, depth = 0, source = 0;
	glGetFloatv(GL_CURRENT_COLOR, colour);
	glGetFloatv(GL_COLOR_CLEAR_VALUE, clear);
	glGetLightfv(GL_LIGHT0, GL_POSITION, position);
	glGetIntegerv(GL_MATRIX_MODE, &mode);
	glGetIntegerv(GL_ATTRIB_STACK_DEPTH, &depth);
	glGetIntegerv(GL_BLEND_SRC, &source);
	glGetTexParameteriv(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, &filter);
	say("%s: %g%g%g clear %g %g light %g %g mode %x filter %x depth %d source %d: %d%d%d", when,
		(double)colour[0], (double)colour[1], (double)colour[2], (double)clear[0],
		(double)clear[2], (double)position[0], (double)position[2], (unsigned)mode,
		(unsigned)filter, depth, source, glIsEnabled(GL_SCISSOR_TEST),
		glIsEnabled(GL_BLEND), glIsEnabled(GL_TEXTURE_2D));
}

static void end_attributes(void)
{
	say_state("two levels");
	glPopAttrib();
	say_state("one level");
	glClear(GL_COLOR_BUFFER_BIT);
	say_picture("cleared in part");
	glPopAttrib();
	say_state("none");
	fill(0, 0, 10, 10, 1, 1, 1);
	say_picture("moved");
	glPopAttrib();
}

/* ---- */

static void begin_client_attributes(void)
{
	static const float low[] = {-1, -1, 0, -1, 0, 0}, high[] = {0, 0, 1, 0, 1, 1};
	glEnableClientState(GL_VERTEX_ARRAY);
	glVertexPointer(2, GL_FLOAT, 0, low);
	glPixelStorei(GL_PACK_ALIGNMENT, 1);
	glPushClientAttrib(GL_CLIENT_ALL_ATTRIB_BITS);
	glVertexPointer(2, GL_FLOAT, 0, high);
	glPixelStorei(GL_PACK_ALIGNMENT, 8);
	glEnableClientState(GL_COLOR_ARRAY);
	glColorPointer(3, GL_FLOAT, 0, low);
	glPushClientAttrib(GL_CLIENT_PIXEL_STORE_BIT);
	glPixelStorei(GL_PACK_ALIGNMENT, 2);
	glDisableClientState(GL_COLOR_ARRAY);
}

static void say_client(const char *when)
{
	GLint alignment = 0, depth = 0;
	glGetIntegerv(GL_PACK_ALIGNMENT, &alignment);
	glGetIntegerv(GL_CLIENT_ATTRIB_STACK_DEPTH, &depth);
	say("%s: alignment %d depth %d colours %d", when, alignment, depth,
		glIsEnabled(GL_COLOR_ARRAY));
}

static void end_client_attributes(void)
{
	say_client("two levels");
	glDrawArrays(GL_TRIANGLES, 0, 3);
	say_picture("high");
	glPopClientAttrib();
	say_client("one level");
	glPopClientAttrib();
	say_client("none");
	glDrawArrays(GL_TRIANGLES, 0, 3);
	say_picture("and low");
}

const struct kind kinds_stack[] = {{"arrays", begin_arrays, end_arrays, 0},
	{"attributes", begin_attributes, end_attributes, 0},
	{"client-attributes", begin_client_attributes, end_client_attributes, 0}, {0}};
