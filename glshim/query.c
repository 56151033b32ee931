#include "glshim/query.h"

#include "glshim/context.h"

#include "entries.h"

#define TOGETHER 64 /* results asked for at a time */

static struct shim_query *slot(struct shim_queries *queries, uint32_t position)
{
	return &queries->ended[position % QUERIES_ENDED];
}

static void forget(GLuint id)
{
	struct shim_queries *queries = &shim_current->queries;
	for (unsigned i = 0; i < QUERIES_ENDED; i++)
		if (queries->ended[i].id == id)
			queries->ended[i].id = 0;
}

/* Programs ask in the order in which queries ended: the one behind the last is looked at first. */
static struct shim_query *find(struct shim_queries *queries, GLuint id)
{
	for (uint32_t i = 0; id && i < QUERIES_ENDED; i++)
		if (slot(queries, queries->hint + i)->id == id) {
			queries->hint += i;
			return slot(queries, queries->hint);
		}
	return NULL;
}

static void run(GLenum target, GLuint id)
{
	struct shim_queries *queries = &shim_current->queries;
	for (unsigned i = 0; i < QUERIES_RUNNING; i++)
		if (queries->running[i].target == target || !queries->running[i].target) {
			queries->running[i].target = target;
			queries->running[i].id = id;
			return;
		}
}

static GLuint stop(GLenum target)
{
	struct shim_queries *queries = &shim_current->queries;
	for (unsigned i = 0; i < QUERIES_RUNNING; i++)
		if (queries->running[i].target == target && target) {
			const GLuint id = queries->running[i].id;
			queries->running[i].id = 0;
			return id;
		}
	return 0;
}

/* ---- what begins and ends them ---- */

void shim_glBeginQuery(GLenum target, GLuint id)
{
	forget(id);
	run(target, id);
	send_glBeginQuery(target, id);
}

void shim_glBeginQueryEXT(GLenum target, GLuint id)
{
	forget(id);
	send_glBeginQueryEXT(target, id);
}

void shim_glBeginQueryIndexed(GLenum target, GLuint index, GLuint id)
{
	forget(id);
	send_glBeginQueryIndexed(target, index, id);
}

void shim_glQueryCounter(GLuint id, GLenum target)
{
	forget(id);
	send_glQueryCounter(id, target);
}

void shim_glEndQuery(GLenum target)
{
	struct shim_queries *queries = &shim_current->queries;
	const GLuint id = stop(target);
	send_glEndQuery(target);
	if (id)
		*slot(queries, queries->next++) = (struct shim_query){.id = id};
}

void shim_glDeleteQueries(GLsizei n, const GLuint *ids)
{
	for (GLsizei i = 0; ids && i < n; i++)
		forget(ids[i]);
	send_glDeleteQueries(n, ids);
}

void shim_glNewList(GLuint list, GLenum mode)
{
	if (shim_current->group)
		shim_current->group->compiles = true;
	send_glNewList(list, mode);
}

/* ---- results ---- */

/* Waits for the result of the query at the hint; those behind it come along. */
static GLuint ask(struct shim_context *self, GLuint value)
{
	struct shim_queries *queries = &self->queries;
	GLuint ids[TOGETHER], values[TOGETHER] = {value};
	struct shim_query *asked[TOGETHER];
	GLsizei count = 0;
	for (uint32_t i = 0; i < QUERIES_ENDED && count < TOGETHER; i++) {
		struct shim_query *query = slot(queries, queries->hint + i);
		if (!query->id || query->known)
			continue;
		ids[count] = query->id;
		asked[count++] = query;
	}
	const GLuint known = send_ckQueryResults(count, ids, values);
	for (GLuint i = 0; i < known && i < (GLuint)count; i++) {
		asked[i]->known = true;
		asked[i]->value = values[i];
	}
	return values[0];
}

/* With a query buffer the program's pointer is an offset. */
static bool is_memory(const void *params)
{
	return params && !shim_current->state.buffer[WIRE_QUERY_BUFFER];
}

static struct shim_query *remembered(struct shim_context *self, GLuint id)
{
	return self->group && !self->group->compiles ? find(&self->queries, id) : NULL;
}

/* Says if the answer is in `value`, which is what the program has there so far. */
static bool answer(GLuint id, GLenum pname, GLuint *value)
{
	struct shim_context *self = shim_current;
	struct shim_query *query = remembered(self, id);
	if (!query)
		return false;
	if (pname == GL_QUERY_RESULT)
		*value = query->known ? query->value : ask(self, *value);
	else if (pname == GL_QUERY_RESULT_AVAILABLE && query->known)
		*value = GL_TRUE;
	else
		return false;
	return true;
}

void shim_glGetQueryObjectuiv(GLuint id, GLenum pname, GLuint *params)
{
	if (!is_memory(params) || !answer(id, pname, params))
		send_glGetQueryObjectuiv(id, pname, params);
}

void shim_glGetQueryObjectiv(GLuint id, GLenum pname, GLint *params)
{
	GLuint value = is_memory(params) ? (GLuint)*params : 0;
	if (!is_memory(params) || !answer(id, pname, &value))
		send_glGetQueryObjectiv(id, pname, params);
	else
		*params = value > INT32_MAX ? INT32_MAX : (GLint)value;
}
