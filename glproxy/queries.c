#include "glproxy/queries.h"

#include "glproxy/journal.h"
#include "glproxy/lists.h"
#include "hand.h"

#include <stdlib.h>
#include <string.h>

struct query {
	GLenum target;   /* of the last glBeginQuery or glQueryCounter; 0: there was none */
	GLuint index;    /* of what is running at a snapshot */
	bool running;    /* at a snapshot */
	bool over;       /* the result is `before` alone: the driver's object has counted nothing */
	GLuint64 before; /* what drivers have counted that are gone */
};

struct queries {
	struct query *pages[NAMES_PAGE];
	GLuint condition; /* conditional rendering is on: by this query, in this mode */
	GLenum mode;
	bool decided; /* ... and the driver does not know, because everything is drawn */
};

struct queries *queries_create(void)
{
	return calloc(1, sizeof(struct queries));
}

void queries_clear(struct queries *queries)
{
	for (unsigned page = 0; page < NAMES_PAGE; page++)
		free(queries->pages[page]);
	memset(queries, 0, sizeof(*queries));
}

void queries_destroy(struct queries *queries)
{
	if (queries)
		queries_clear(queries);
	free(queries);
}

static struct query *find(const struct queries *queries, GLuint name)
{
	struct query *page =
		name / NAMES_PAGE < NAMES_PAGE ? queries->pages[name / NAMES_PAGE] : NULL;
	return page ? &page[name % NAMES_PAGE] : NULL;
}

static struct query *find_or_make(struct queries *queries, GLuint name)
{
	if (name / NAMES_PAGE >= NAMES_PAGE)
		return NULL;
	struct query **page = &queries->pages[name / NAMES_PAGE];
	if (!*page)
		*page = calloc(NAMES_PAGE, sizeof(**page));
	return find(queries, name);
}

static GLuint program_name(const struct exec *x, GLuint driver)
{
	return names_known(x->names[NAMES_query], driver);
}

/* ---- begun ---- */

/* The driver can be asked whether it refused a call: not inside glBegin, nor of a display list. */
static bool can_judge(const struct exec *x)
{
	return x->context && !x->in_begin && !lists_compiling(x);
}

static void begun(struct exec *x, GLuint driver, GLenum target)
{
	if (exec_errors_since(x))
		return;
	struct query *query = find_or_make(x->context->queries, program_name(x, driver));
	if (query)
		*query = (struct query){.target = target};
}

#define NOTED(call, target)                     \
	do {                                    \
		const bool good = can_judge(x); \
		if (good)                       \
			exec_errors_take(x);    \
		call;                           \
		if (good)                       \
			begun(x, id, target);   \
	} while (0)

void proxy_glBeginQuery(struct exec *x, GLenum target, GLuint id)
{
	NOTED(x->driver->BeginQuery(target, id), target);
}

void proxy_glBeginQueryEXT(struct exec *x, GLenum target, GLuint id)
{
	NOTED(x->driver->BeginQueryEXT(target, id), target);
}

void proxy_glBeginQueryIndexed(struct exec *x, GLenum target, GLuint index, GLuint id)
{
	NOTED(x->driver->BeginQueryIndexed(target, index, id), target);
}

void proxy_glQueryCounter(struct exec *x, GLuint id, GLenum target)
{
	NOTED(x->driver->QueryCounter(id, target), target);
}

/* ---- results ---- */

static bool is_yes_or_no(GLenum target)
{
	return target == GL_ANY_SAMPLES_PASSED || target == GL_ANY_SAMPLES_PASSED_CONSERVATIVE ||
		target == GL_TRANSFORM_FEEDBACK_OVERFLOW ||
		target == GL_TRANSFORM_FEEDBACK_STREAM_OVERFLOW;
}

/* What the driver's object has counted; waits. False where it answers nothing. */
static bool counted(struct exec *x, GLuint driver, GLuint64 *value)
{
	const struct driver *gl = x->driver;
	const GLuint buffer = x->state.buffer[WIRE_QUERY_BUFFER];
	GLuint half = 0;
	exec_errors_take(x);
	if (buffer)
		gl->BindBuffer(GL_QUERY_BUFFER, 0);
	if (x->context->api == EGL_OPENGL_API)
		gl->GetQueryObjectui64v(driver, GL_QUERY_RESULT, value);
	else
		gl->GetQueryObjectuiv(driver, GL_QUERY_RESULT, &half);
	*value += half;
	const bool answered = !gl->GetError();
	if (buffer)
		gl->BindBuffer(GL_QUERY_BUFFER, exec_name(x, NAMES_buffer, buffer));
	return answered;
}

static bool total(struct exec *x, GLuint driver, const struct query *query, GLuint64 *value)
{
	GLuint64 now = 0;
	if (!counted(x, driver, &now))
		return false;
	*value = query->before;
	if (!query->over && is_yes_or_no(query->target))
		*value = query->before || now;
	else if (!query->over)
		*value += now;
	return true;
}

static bool is_available(const struct exec *x, GLuint driver)
{
	GLuint available = 0;
	if (!x->state.buffer[WIRE_QUERY_BUFFER])
		x->driver->GetQueryObjectuiv(driver, GL_QUERY_RESULT_AVAILABLE, &available);
	return available || x->state.buffer[WIRE_QUERY_BUFFER];
}

/* Whether the driver's answer is not the whole one, and what that is. */
static bool differs(struct exec *x, GLuint driver, GLenum pname, GLuint64 *value)
{
	const struct query *query =
		x->context ? find(x->context->queries, program_name(x, driver)) : NULL;
	if (!query || (!query->over && !query->before))
		return false;
	if (pname != GL_QUERY_RESULT &&
		(pname != GL_QUERY_RESULT_NO_WAIT || !is_available(x, driver)))
		return false;
	return total(x, driver, query, value);
}

/* `most`: what the type of the answer can say. */
static size_t clamp(GLuint64 *value, GLuint64 most)
{
	if (*value > most)
		*value = most;
	return most > UINT32_MAX ? sizeof(GLuint64) : sizeof(GLuint);
}

static void correct(struct exec *x, GLuint driver, GLenum pname, void *answer, GLuint64 most)
{
	GLuint64 value;
	if (!differs(x, driver, pname, &value))
		return;
	const size_t size = clamp(&value, most);
	if (x->state.buffer[WIRE_QUERY_BUFFER])
		x->driver->BufferSubData(
			GL_QUERY_BUFFER, (GLintptr)answer, (GLsizeiptr)size, &value);
	else if (answer)
		memcpy(answer, &value, size);
}

/* What the program has been told stays true, whatever a replay of the journal counts. */
static void note_result(struct exec *x, GLuint driver, GLenum pname)
{
	struct journal *journal = x->proxy->journal;
	if (!journal || x->replaying || !x->context || pname != GL_QUERY_RESULT ||
		x->state.buffer[WIRE_QUERY_BUFFER])
		return;
	struct wire_ckQuery told = {
		.head = {.opcode = WIRE_ckQuery, .units = sizeof(told) / 8}, .over = true};
	told.query = program_name(x, driver);
	const struct query *query = find(x->context->queries, told.query);
	if (!query || !query->target || !total(x, driver, query, &told.before))
		return;
	told.target = query->target;
	journal_append_message(journal, x, &told, sizeof(told));
}

#define RESULT(suffix, type, most)                                                                 \
	void proxy_glGetQueryObject##suffix(struct exec *x, GLuint id, GLenum pname, type *params) \
	{                                                                                          \
		x->driver->GetQueryObject##suffix(id, pname, params);                              \
		correct(x, id, pname, params, most);                                               \
		note_result(x, id, pname);                                                         \
	}

RESULT(iv, GLint, INT32_MAX)
RESULT(uiv, GLuint, UINT32_MAX)
RESULT(uivEXT, GLuint, UINT32_MAX)
RESULT(i64v, GLint64, INT64_MAX)
RESULT(ui64v, GLuint64, UINT64_MAX)

GLuint proxy_ckQueryResults(struct exec *x, GLsizei count, const GLuint *queries, GLuint *values)
{
	const bool good = can_judge(x);
	if (!queries || !values || count <= 0)
		return 0;
	if (good)
		exec_errors_take(x);
	proxy_glGetQueryObjectuiv(x, queries[0], GL_QUERY_RESULT, &values[0]);
	if (!good || exec_errors_since(x))
		return 0; /* the program's value stays, and nothing is known */
	GLsizei known = 1;
	for (; known < count && is_available(x, queries[known]); known++)
		proxy_glGetQueryObjectuiv(x, queries[known], GL_QUERY_RESULT, &values[known]);
	return (GLuint)known;
}

static void correct_in(
	struct exec *x, GLuint driver, GLuint buffer, GLenum pname, GLintptr offset, GLuint64 most)
{
	GLuint64 value;
	if (!differs(x, driver, pname, &value))
		return;
	const size_t size = clamp(&value, most);
	x->driver->NamedBufferSubData(buffer, offset, (GLsizeiptr)size, &value);
}

#define RESULT_IN(suffix, most)                                                          \
	void proxy_glGetQueryBufferObject##suffix(                                       \
		struct exec *x, GLuint id, GLuint buffer, GLenum pname, GLintptr offset) \
	{                                                                                \
		x->driver->GetQueryBufferObject##suffix(id, buffer, pname, offset);      \
		correct_in(x, id, buffer, pname, offset, most);                          \
	}

RESULT_IN(iv, INT32_MAX)
RESULT_IN(uiv, UINT32_MAX)
RESULT_IN(i64v, INT64_MAX)
RESULT_IN(ui64v, UINT64_MAX)

/* ---- conditional rendering ---- */

static bool is_inverted(GLenum mode)
{
	return mode >= GL_QUERY_WAIT_INVERTED && mode <= GL_QUERY_BY_REGION_NO_WAIT_INVERTED;
}

/* The driver has begun with an object that does not say all: draws everything, or nothing. */
static void decide(struct exec *x, GLuint driver, GLuint64 value, GLenum mode)
{
	GLuint64 now = 0;
	x->driver->EndConditionalRender();
	x->context->queries->decided = (value != 0) != is_inverted(mode);
	if (x->context->queries->decided)
		return;
	counted(x, driver, &now);
	x->driver->BeginConditionalRender(driver, now ? GL_QUERY_WAIT_INVERTED : GL_QUERY_WAIT);
}

/* A replay is ahead of its GPU where the program was not: what had been answered, is waited for. */
static GLenum waiting(const struct exec *x, GLenum mode)
{
	const bool in_range = mode >= GL_QUERY_WAIT && mode <= GL_QUERY_BY_REGION_NO_WAIT_INVERTED;
	return x->replaying && in_range ? mode - (mode - GL_QUERY_WAIT) % 2 : mode;
}

void proxy_glBeginConditionalRender(struct exec *x, GLuint id, GLenum mode)
{
	GLuint64 value;
	if (!can_judge(x)) {
		x->driver->BeginConditionalRender(id, waiting(x, mode));
		return;
	}
	struct queries *queries = x->context->queries;
	if (queries->decided) {
		exec_error(x, GL_INVALID_OPERATION);
		return;
	}
	exec_errors_take(x);
	x->driver->BeginConditionalRender(id, waiting(x, mode));
	if (exec_errors_since(x))
		return;
	queries->condition = program_name(x, id);
	queries->mode = mode;
	if (differs(x, id, GL_QUERY_RESULT, &value))
		decide(x, id, value, mode);
}

void proxy_glEndConditionalRender(struct exec *x)
{
	struct queries *queries = x->context ? x->context->queries : NULL;
	if (!queries || !queries->decided)
		x->driver->EndConditionalRender();
	if (!queries || !can_judge(x))
		return;
	queries->condition = 0;
	queries->decided = false;
}

/* ---- snapshots ---- */

static const struct {
	GLenum target;
	GLuint indices;
} targets[] = {{GL_SAMPLES_PASSED, 1}, {GL_ANY_SAMPLES_PASSED, 1},
	{GL_ANY_SAMPLES_PASSED_CONSERVATIVE, 1}, {GL_TIME_ELAPSED, 1}, {GL_PRIMITIVES_GENERATED, 4},
	{GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, 4}, {GL_TRANSFORM_FEEDBACK_OVERFLOW, 1},
	{GL_TRANSFORM_FEEDBACK_STREAM_OVERFLOW, 4}, {GL_VERTICES_SUBMITTED, 1},
	{GL_PRIMITIVES_SUBMITTED, 1}, {GL_VERTEX_SHADER_INVOCATIONS, 1},
	{GL_TESS_CONTROL_SHADER_PATCHES, 1}, {GL_TESS_EVALUATION_SHADER_INVOCATIONS, 1},
	{GL_GEOMETRY_SHADER_INVOCATIONS, 1}, {GL_GEOMETRY_SHADER_PRIMITIVES_EMITTED, 1},
	{GL_FRAGMENT_SHADER_INVOCATIONS, 1}, {GL_COMPUTE_SHADER_INVOCATIONS, 1},
	{GL_CLIPPING_INPUT_PRIMITIVES, 1}, {GL_CLIPPING_OUTPUT_PRIMITIVES, 1}};

static bool has_indices(const struct take *t)
{
	return t->context->api == EGL_OPENGL_API;
}

static GLuint running_query(struct take *t, GLenum target, GLuint index)
{
	GLint driver = 0;
	if (index || has_indices(t))
		t->gl->GetQueryIndexediv(target, index, GL_CURRENT_QUERY, &driver);
	else
		t->gl->GetQueryiv(target, GL_CURRENT_QUERY, &driver);
	return take_failed(t) ? 0 : (GLuint)driver;
}

static void end_query(struct take *t, GLenum target, GLuint index)
{
	if (index)
		t->gl->EndQueryIndexed(target, index);
	else
		t->gl->EndQuery(target);
}

static void pause_query(struct take *t, GLenum target, GLuint index)
{
	struct exec *x = &t->context->exec;
	const GLuint driver = running_query(t, target, index);
	const GLuint name = driver ? names_known(t->names[NAMES_query], driver) : 0;
	GLuint64 value;
	if (!driver)
		return;
	struct query *query = name ? find_or_make(t->context->queries, name) : NULL;
	if (!query) {
		take_refuse(t, "a deleted query is still running");
		return;
	}
	query->target = target; /* a display list may have begun it */
	end_query(t, target, index);
	if (total(x, driver, query, &value))
		query->before = value;
	query->index = index;
	query->running = true;
}

void take_queries_pause(struct take *t)
{
	for (size_t i = 0; i < array_len(targets); i++)
		for (GLuint index = 0; index < (has_indices(t) ? targets[i].indices : 1); index++)
			pause_query(t, targets[i].target, index);
}

static void put_kept(
	struct take *t, GLuint name, const struct query *query, bool over, GLuint64 value)
{
	if (over || value)
		PUT(&t->out, ckQuery, .query = name, .target = query->target, .over = over,
			.before = value);
}

/* A result that is there. An object that never ran is made by an empty run, if it was made. */
static void put_finished(struct take *t, GLuint name, GLuint driver)
{
	const struct query *query = find(t->context->queries, name);
	GLuint64 value = 0;
	if (!query || !query->target) {
		GLint target = 0;
		t->gl->GetQueryObjectiv(driver, GL_QUERY_TARGET, &target);
		if (take_failed(t) || !target)
			take_refuse(t, "a query that only a display list has begun");
		else
			PUT(&t->out, glCreateQueries, .target = (GLenum)target, .n = 1,
				.ids = stream_data(&t->out, &name, sizeof(name)));
		return;
	}
	total(&t->context->exec, driver, query, &value);
	PUT(&t->out, glGenQueries, .n = 1, .ids = stream_data(&t->out, &name, sizeof(name)));
	if (query->target == GL_TIMESTAMP) {
		PUT(&t->out, glQueryCounter, .id = name, .target = GL_TIMESTAMP);
	} else {
		PUT(&t->out, glBeginQuery, .target = query->target, .id = name);
		PUT(&t->out, glEndQuery, .target = query->target);
	}
	put_kept(t, name, query, true, value);
	take_label(t, GL_QUERY, name, driver);
}

void take_queries(struct take *t)
{
	struct names *names = t->names[NAMES_query];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const struct query *query = find(t->context->queries, name);
		const bool made = t->gl->IsQuery(driver);
		if (made && !(query && query->running))
			put_finished(t, name, driver);
		else if (made || !names_foreign(driver))
			PUT(&t->out, glGenQueries, .n = 1,
				.ids = stream_data(&t->out, &name, sizeof(name)));
	}
}

static void resume_query(struct take *t, GLuint name, struct query *query)
{
	const GLuint driver = names_to_driver(t->names[NAMES_query], name);
	query->running = false;
	take_label(t, GL_QUERY, name, driver);
	query->over = false;
	if (query->index) {
		t->gl->BeginQueryIndexed(query->target, query->index, driver);
		PUT(&t->out, glBeginQueryIndexed, .target = query->target, .index = query->index,
			.id = name);
	} else {
		t->gl->BeginQuery(query->target, driver);
		PUT(&t->out, glBeginQuery, .target = query->target, .id = name);
	}
	put_kept(t, name, query, false, query->before);
}

static void put_condition(struct take *t)
{
	const struct queries *queries = t->context->queries;
	if (queries->condition)
		PUT(&t->out, glBeginConditionalRender, .id = queries->condition,
			.mode = queries->mode);
}

void take_queries_resume(struct take *t)
{
	struct names *names = t->names[NAMES_query];
	for (GLuint name = 0; (name = names_next(names, name));) {
		struct query *query = find(t->context->queries, name);
		if (query && query->running)
			resume_query(t, name, query);
	}
	put_condition(t);
}

/* After the message that made or began the query. */
void proxy_ckQuery(struct exec *x, GLuint query, GLenum target, GLboolean over, GLuint64 before)
{
	struct query *kept = (x->rebuilding || x->replaying) && x->context
		? find_or_make(x->context->queries, program_name(x, query))
		: NULL;
	if (kept)
		*kept = (struct query){.target = target, .over = over, .before = before};
	else
		exec_refuse(x, "a message of snapshots");
}
