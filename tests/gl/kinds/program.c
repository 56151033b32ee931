/* Programs other than the plain ones: pipelines, subroutines, in assembly, of doubles. */
#include "kinds.h"

#include <string.h>

static const char vertex[] =
	"#version 450 compatibility\n"
	"out gl_PerVertex { vec4 gl_Position; };\n"
	"uniform float scale; void main() { gl_Position = gl_Vertex * vec4(vec3(scale), 1.0); }\n";
static const char fragment[] = "#version 450 compatibility\n"
			       "uniform vec4 colour; void main() { gl_FragColor = colour; }\n";

static GLuint pipeline, parts[2];

static void set_colour(GLuint program, float red, float green)
{
	glProgramUniform4f(program, glGetUniformLocation(program, "colour"), red, green, 0, 1);
}

static void begin_pipeline(void)
{
	const char *sources[] = {vertex, fragment};
	parts[0] = glCreateShaderProgramv(GL_VERTEX_SHADER, 1, &sources[0]);
	parts[1] = glCreateShaderProgramv(GL_FRAGMENT_SHADER, 1, &sources[1]);
	glProgramUniform1f(parts[0], glGetUniformLocation(parts[0], "scale"), 0.5f);
	set_colour(parts[1], 1, 0.5f);
	glGenProgramPipelines(1, &pipeline);
	glUseProgramStages(pipeline, GL_VERTEX_SHADER_BIT, parts[0]);
	glUseProgramStages(pipeline, GL_FRAGMENT_SHADER_BIT, parts[1]);
	glActiveShaderProgram(pipeline, parts[1]);
	glBindProgramPipeline(pipeline);
}

static void end_pipeline(void)
{
	GLint active = 0;
	fill(0, 0, 64, 64, 0, 0, 1);
	say_picture("scaled");
	glGetProgramPipelineiv(pipeline, GL_ACTIVE_PROGRAM, &active);
	say("active %d", active == (GLint)parts[1]);
	glUniform4f(glGetUniformLocation(parts[1], "colour"), 0, 1, 0, 1);
	fill(0, 0, 64, 64, 0, 0, 1);
	say_picture("green");
}

/* ---- */

static void begin_subroutine(void)
{
	GLuint program = make_program(NULL,
		"#version 400 compatibility\n"
		"subroutine vec4 chooser(); subroutine uniform chooser choose;\n"
		"subroutine(chooser) vec4 red() { return vec4(1, 0, 0, 1); }\n"
		"subroutine(chooser) vec4 blue() { return vec4(0, 0, 1, 1); }\n"
		"void main() { gl_FragColor = choose(); }\n");
	GLuint index = glGetSubroutineIndex(program, GL_FRAGMENT_SHADER, "blue");
	glUseProgram(program);
	glUniformSubroutinesuiv(GL_FRAGMENT_SHADER, 1, &index);
}

static void end_subroutine(void)
{
	fill(0, 0, 32, 32, 0, 1, 0);
	say_picture("blue");
}

/* ---- */

static const char assembly[] = "!!ARBfp1.0\n"
			       "PARAM mine = program.local[3]; PARAM all = program.env[2];\n"
			       "ADD result.color, mine, all; END\n";
static GLuint assembled;

static void begin_assembly(void)
{
	glGenProgramsARB(1, &assembled);
	glBindProgramARB(GL_FRAGMENT_PROGRAM_ARB, assembled);
	glProgramStringARB(GL_FRAGMENT_PROGRAM_ARB, GL_PROGRAM_FORMAT_ASCII_ARB,
		(GLsizei)strlen(assembly), assembly);
	glProgramLocalParameter4fARB(GL_FRAGMENT_PROGRAM_ARB, 3, 0.25f, 0, 0.5f, 1);
	glProgramEnvParameter4fARB(GL_FRAGMENT_PROGRAM_ARB, 2, 0.25f, 0.5f, 0, 0);
	glEnable(GL_FRAGMENT_PROGRAM_ARB);
}

static void end_assembly(void)
{
	GLint value = 0;
	fill(0, 0, 32, 32, 1, 1, 1);
	glGetProgramivARB(GL_FRAGMENT_PROGRAM_ARB, GL_PROGRAM_BINDING_ARB, &value);
	say("bound %d", value == (GLint)assembled);
	glDisable(GL_FRAGMENT_PROGRAM_ARB);
	fill(32, 32, 40, 64, 1, 1, 1);
	say_picture("drawn");
}

/* ---- */

static GLuint doubled;

static void begin_doubles(void)
{
	static const GLdouble turn[] = {0.5, 0.25, -0.5, 1.5, 1e-9, 2};
	doubled = make_program(
		"#version 400 compatibility\n"
		"uniform dmat2x3 turn; uniform double far; uniform dvec2 pair[2];\n"
		"void main() { gl_Position = vec4(gl_Vertex.xy * float(turn[0].x * far), 0, 1)\n"
		"+ vec4(turn[1] * 0.01, 0) + vec4(pair[1] * 0.1, 0, 0); }\n",
		NULL);
	glUseProgram(doubled);
	glUniformMatrix2x3dv(glGetUniformLocation(doubled, "turn"), 1, GL_FALSE, turn);
	glUniform1d(glGetUniformLocation(doubled, "far"), 1.0 / 3);
	glUniform2d(glGetUniformLocation(doubled, "pair[1]"), 0.125, -0.75);
}

static void end_doubles(void)
{
	GLdouble values[6] = {0};
	glGetUniformdv(doubled, glGetUniformLocation(doubled, "turn"), values);
	say("turn %.17g %.17g", values[4], values[5]);
	glGetUniformdv(doubled, glGetUniformLocation(doubled, "far"), values);
	say("far %.17g", values[0]);
	fill(0, 0, 64, 64, 1, 1, 1);
	say_picture("drawn");
}

/* ---- one that is kept as a binary where there are formats for it ---- */

static GLuint cached;

static void begin_binary(void)
{
	static char binary[1 << 20];
	GLint formats = 0, linked = 0;
	GLsizei length = 0;
	GLenum format = 0;
	cached = make_program(NULL,
		"#version 450 compatibility\n"
		"uniform vec4 colour; void main() { gl_FragColor = colour; }\n");
	glGetIntegerv(GL_NUM_PROGRAM_BINARY_FORMATS, &formats);
	if (formats) {
		glGetProgramBinary(cached, sizeof(binary), &length, &format, binary);
		glProgramBinary(cached, format, binary, length);
	}
	glGetProgramiv(cached, GL_LINK_STATUS, &linked);
	say("linked %d", linked);
}

static void end_binary(void)
{
	glProgramUniform4f(cached, glGetUniformLocation(cached, "colour"), 1, 0.5f, 0, 1);
	glUseProgram(cached);
	fill(0, 0, 40, 40, 0, 0, 0);
	say_picture("drawn");
}

const struct kind kinds_program[] = {{"pipeline", begin_pipeline, end_pipeline, 0},
	{"subroutine", begin_subroutine, end_subroutine, 0},
	{"assembly", begin_assembly, end_assembly, 0}, {"doubles", begin_doubles, end_doubles, 0},
	{"binary", begin_binary, end_binary, 0}, {0}};
