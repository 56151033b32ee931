/* Queries: running, finished and unread, of time, and conditional rendering by them. */
#include "kinds.h"

static GLuint names[5];
static GLuint64 moment;

static void begin_query(void)
{
	glGenQueries(5, names);
	glBeginQuery(GL_SAMPLES_PASSED, names[0]);
	fill(0, 0, 20, 10, 1, 0, 0);
	glEndQuery(GL_SAMPLES_PASSED);
	glQueryCounter(names[1], GL_TIMESTAMP);
	glGetQueryObjectui64v(names[1], GL_QUERY_RESULT, &moment);
	glBeginQuery(GL_SAMPLES_PASSED, names[2]);
	glBeginQuery(GL_PRIMITIVES_GENERATED, names[3]);
	glBeginQuery(GL_TIME_ELAPSED, names[4]);
	fill(0, 20, 30, 30, 0, 1, 0);
}

static void end_query(void)
{
	GLuint64 wide = 0;
	GLint value = 0;
	GLuint result = 0, buffer;
	fill(10, 40, 20, 50, 0, 0, 1);
	glGetQueryiv(GL_SAMPLES_PASSED, GL_CURRENT_QUERY, &value);
	say("current %d", value == (GLint)names[2]);
	glEndQuery(GL_TIME_ELAPSED);
	glEndQuery(GL_PRIMITIVES_GENERATED);
	glEndQuery(GL_SAMPLES_PASSED);
	glGetQueryObjectiv(names[0], GL_QUERY_RESULT, &value);
	say("finished %d", value);
	glGetQueryObjectui64v(names[1], GL_QUERY_RESULT, &wide);
	say("the same time %d", wide == moment);
	glGetQueryObjectuiv(names[2], GL_QUERY_RESULT, &result);
	say("running %u", result);
	glGetQueryObjectuiv(names[3], GL_QUERY_RESULT, &result);
	say("primitives %u", result);
	glGetQueryObjectui64v(names[4], GL_QUERY_RESULT, &wide);
	say("time went by %d", wide > 0);
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_QUERY_BUFFER, buffer);
	glBufferData(GL_QUERY_BUFFER, 16, NULL, GL_STREAM_READ);
	glGetQueryObjectuiv(names[2], GL_QUERY_RESULT, (GLuint *)4);
	glGetBufferSubData(GL_QUERY_BUFFER, 4, 4, &result);
	say("in a buffer %u", result);
	say_picture("drawn");
}

/* ---- */

static GLuint yes;

static void begin_condition(void)
{
	GLuint queries[1];
	glGenQueries(1, queries);
	yes = queries[0];
	glBeginQuery(GL_ANY_SAMPLES_PASSED, yes);
	fill(0, 0, 5, 5, 1, 1, 0);
	glEndQuery(GL_ANY_SAMPLES_PASSED);
	glBeginConditionalRender(yes, GL_QUERY_WAIT);
	fill(5, 5, 10, 10, 1, 0, 0);
}

static void end_condition(void)
{
	fill(20, 20, 30, 30, 0, 1, 0);
	glEndConditionalRender();
	glBeginConditionalRender(yes, GL_QUERY_WAIT_INVERTED);
	fill(0, 40, 40, 60, 1, 0, 1);
	glEndConditionalRender();
	fill(60, 60, 64, 64, 1, 1, 1);
	say_picture("drawn");
}

static void begin_no_condition(void)
{
	GLuint no;
	glGenQueries(1, &no);
	glBeginQuery(GL_SAMPLES_PASSED, no);
	glEndQuery(GL_SAMPLES_PASSED);
	glBeginConditionalRender(no, GL_QUERY_NO_WAIT);
}

static void end_no_condition(void)
{
	fill(0, 40, 40, 60, 1, 0, 1);
	glEndConditionalRender();
	fill(60, 60, 64, 64, 1, 1, 1);
	say_picture("drawn");
}

const struct kind kinds_query[] = {{"query", begin_query, end_query, 0},
	{"condition", begin_condition, end_condition, 0},
	{"no-condition", begin_no_condition, end_no_condition, 0}, {0}};
