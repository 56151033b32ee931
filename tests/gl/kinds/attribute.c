/* Vertex attributes that are no floats: current values, arrays; calls that change things by name.
 */
#include "kinds.h"

/* A point whose colour is right where all attributes are. */
static const char reads[] =
	"#version 450 compatibility\n"
	"layout(location = 1) in ivec4 whole; layout(location = 2) in uvec4 large;\n"
	"layout(location = 3) in dvec4 exact; layout(location = 5) in dmat2 matrix;\n"
	"layout(location = 7) in vec4 plain; layout(location = 8) in ivec2 array;\n"
	"layout(location = 9) in dvec2 long_array; layout(location = 0) in vec4 place;\n"
	"out vec4 colour; void main() { gl_Position = place;\n"
	"colour = vec4(whole == ivec4(-5, 6, 1 << 30, 7) && large == uvec4(1, 2, 3, 4000000000u),\n"
	"exact == dvec4(1.0lf / 3.0lf, 2, 3, 4) && matrix[1] == dvec2(0.1lf, 5),\n"
	"plain == vec4(0.25, 0.5, 0.75, 1) && array == ivec2(-1, 70000) &&\n"
	"long_array == dvec2(0.2lf, -0.7lf), 1); }\n";
static const char writes[] = "#version 450 compatibility\n"
			     "in vec4 colour; void main() { gl_FragColor = colour; }\n";

static GLuint program;

static void set_arrays(void)
{
	static const GLint whole[] = {-1, 70000};
	static const GLdouble exact[] = {0.2, -0.7};
	GLuint buffers[2];
	glGenBuffers(2, buffers);
	glBindBuffer(GL_ARRAY_BUFFER, buffers[0]);
	glBufferData(GL_ARRAY_BUFFER, sizeof(whole), whole, GL_STATIC_DRAW);
	glVertexAttribIPointer(8, 2, GL_INT, 0, NULL);
	glEnableVertexAttribArray(8);
	glBindBuffer(GL_ARRAY_BUFFER, buffers[1]);
	glBufferData(GL_ARRAY_BUFFER, sizeof(exact), exact, GL_STATIC_DRAW);
	glVertexAttribLPointer(9, 2, GL_DOUBLE, 0, NULL);
	glEnableVertexAttribArray(9);
	glBindBuffer(GL_ARRAY_BUFFER, 0);
}

static void begin_types(void)
{
	program = make_program(reads, writes);
	glUseProgram(program);
	glVertexAttribI4i(1, -5, 6, 1 << 30, 7);
	glVertexAttribI4ui(2, 1, 2, 3, 4000000000u);
	glVertexAttribL4d(3, 1.0 / 3.0, 2, 3, 4);
	glVertexAttribL2d(5, 9, 9);
	glVertexAttribL2d(6, 0.1, 5);
	glVertexAttrib4f(7, 0.25f, 0.5f, 0.75f, 1);
	set_arrays();
}

static void end_types(void)
{
	static const GLfloat places[] = {-1, 1, 1, 1, -1, -1, 1, -1};
	GLdouble exact[4] = {0};
	GLint whole[4] = {0};
	glVertexAttribDivisor(8, 1);
	glVertexAttribDivisor(9, 1);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, places);
	glEnableVertexAttribArray(0);
	glDrawArraysInstanced(GL_TRIANGLE_STRIP, 0, 4, 1);
	say_picture("all as set");
	glGetVertexAttribIiv(1, GL_CURRENT_VERTEX_ATTRIB, whole);
	glGetVertexAttribLdv(3, GL_CURRENT_VERTEX_ATTRIB, exact);
	say("%d %d %.17g", whole[0], whole[2], exact[0]);
}

/* ---- EXT_direct_state_access, packed values, and state of what is not there ---- */

static GLuint texture;

static void begin_by_name(void)
{
	static const GLubyte pixels[] = {255, 0, 0, 255, 0, 255, 0, 255};
	glGenTextures(1, &texture);
	glTextureImage2DEXT(
		texture, GL_TEXTURE_2D, 0, GL_RGBA, 2, 1, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	glTextureParameteriEXT(texture, GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glBindMultiTextureEXT(GL_TEXTURE1, GL_TEXTURE_2D, texture);
	glMultiTexEnviEXT(GL_TEXTURE1, GL_TEXTURE_ENV, GL_TEXTURE_ENV_MODE, GL_REPLACE);
	glMultiTexCoordP2ui(GL_TEXTURE1, GL_INT_2_10_10_10_REV, 1 | 0 << 10);
	glColorP4ui(GL_UNSIGNED_INT_2_10_10_10_REV, 1023u << 20 | 3u << 30);
	glMatrixScalefEXT(GL_PROJECTION, 0.5f, 0.5f, 1);
	glMatrixPushEXT(GL_MODELVIEW);
	glMatrixTranslatefEXT(GL_MODELVIEW, 0.25f, 0, 0);
	glBlitNamedFramebuffer(0, 0, 0, 0, 8, 8, 8, 8, 16, 16, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	glClearAccum(0.25f, 0.5f, 0.75f, 1);
	glClearIndex(3);
	glIndexMask(5);
}

static void end_by_name(void)
{
	GLfloat clear[4] = {0}, colour[4] = {0}, place[4] = {0};
	GLint mask = 0;
	glGetFloatv(GL_ACCUM_CLEAR_VALUE, clear);
	glGetFloatv(GL_CURRENT_COLOR, colour);
	glActiveTexture(GL_TEXTURE1);
	glGetFloatv(GL_CURRENT_TEXTURE_COORDS, place);
	glGetIntegerv(GL_INDEX_WRITEMASK, &mask);
	say("%g %g; %g %g; %g; %d", (double)clear[0], (double)clear[2], (double)colour[0],
		(double)colour[2], (double)place[0], mask);
	glGetFloatv(GL_INDEX_CLEAR_VALUE, clear);
	say("%g", (double)clear[0]);
	fill(0, 0, 32, 32, 1, 1, 0);
	glMatrixPopEXT(GL_MODELVIEW);
	glEnable(GL_TEXTURE_2D);
	fill(32, 32, 64, 64, 1, 1, 0);
	say_picture("both");
}

const struct kind kinds_attribute[] = {
	{"types", begin_types, end_types, 0}, {"by-name", begin_by_name, end_by_name, 0}, {0}};
