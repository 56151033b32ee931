#include "glproxy/memo.h"

#include "glproxy/context.h"
#include "hand.h"
#include "messages.h"

#include <stdlib.h>
#include <string.h>

struct memo *memo_create(void)
{
	struct memo *memo = calloc(1, sizeof(*memo));
	if (memo)
		pthread_mutex_init(&memo->lock, NULL);
	return memo;
}

static void clear_shaders(struct memo_program *program)
{
	for (size_t i = 0; i < program->count; i++)
		free(program->shaders[i].source);
	free(program->shaders);
	program->shaders = NULL;
	program->count = 0;
}

static void clear_wishes(struct memo_program *program)
{
	for (size_t i = 0; i < program->wish_count; i++)
		free(program->wishes[i].name);
	free(program->wishes);
	free(program->varyings);
	program->wishes = NULL;
	program->wish_count = 0;
	program->varyings = NULL;
}

static void clear(struct memo_program *program)
{
	clear_shaders(program);
	clear_wishes(program);
	memset(program, 0, sizeof(*program));
}

void memo_destroy(struct memo *memo)
{
	if (!memo)
		return;
	for (size_t i = 0; i < memo->count; i++)
		clear(&memo->programs[i]);
	free(memo->programs);
	free(memo->deleted);
	pthread_mutex_destroy(&memo->lock);
	free(memo);
}

const struct memo_program *memo_find(const struct memo *memo, GLuint name)
{
	for (size_t i = 0; i < memo->count; i++)
		if (memo->programs[i].name == name)
			return &memo->programs[i];
	return NULL;
}

static struct memo_program *entry(struct memo *memo, GLuint name)
{
	struct memo_program *found = (struct memo_program *)(uintptr_t)memo_find(memo, name);
	if (!found)
		found = (struct memo_program *)(uintptr_t)memo_find(memo, 0);
	if (found)
		return found;
	const size_t count = memo->count ? memo->count * 2 : 16;
	struct memo_program *grown = realloc(memo->programs, count * sizeof(*grown));
	if (!grown)
		return NULL;
	memset(grown + memo->count, 0, (count - memo->count) * sizeof(*grown));
	found = &grown[memo->count];
	memo->programs = grown;
	memo->count = count;
	return found;
}

static char *source_of(const struct driver *gl, GLuint shader)
{
	GLint length = 0;
	gl->GetShaderiv(shader, GL_SHADER_SOURCE_LENGTH, &length);
	char *source = calloc(1, (size_t)length + 1);
	if (source && length)
		gl->GetShaderSource(shader, length, NULL, source);
	return source;
}

#define ATTACHED 64

static void note_shaders(const struct driver *gl, struct memo_program *program, GLuint driver)
{
	GLuint shaders[ATTACHED];
	GLsizei count = 0;
	gl->GetAttachedShaders(driver, ATTACHED, &count, shaders);
	program->shaders = calloc((size_t)count + 1, sizeof(*program->shaders));
	for (GLsizei i = 0; program->shaders && i < count; i++) {
		GLint type = 0;
		gl->GetShaderiv(shaders[i], GL_SHADER_TYPE, &type);
		program->shaders[i].type = (GLenum)type;
		program->shaders[i].source = source_of(gl, shaders[i]);
		program->count++;
	}
}

void memo_linked(struct exec *x, GLuint driver)
{
	const struct driver *gl = x->driver;
	const GLuint name = names_known(x->names[NAMES_program], driver);
	GLint status = 0;
	if (!x->context || !name || names_foreign(driver) || !gl->IsProgram(driver))
		return;
	struct memo *memo = x->context->group->memo;
	gl->GetProgramiv(driver, GL_LINK_STATUS, &status);
	pthread_mutex_lock(&memo->lock);
	struct memo_program *program = entry(memo, name);
	if (program) {
		const bool doubtful =
			!status && program->linked && (program->status || program->doubtful);
		clear_shaders(program);
		if (x->rebuilding)
			clear_wishes(program); /* were the snapshot's; the program's follow */
		program->name = name;
		program->linked = true;
		program->status = status;
		program->doubtful = doubtful;
		note_shaders(gl, program, driver);
	}
	pthread_mutex_unlock(&memo->lock);
}

/* ---- what was deleted ---- */

#define LOOK_LEAST 64

static bool is_there(const struct driver *gl, GLuint driver)
{
	return gl->IsProgram(driver) || gl->IsShader(driver);
}

static void forget(struct exec *x, struct memo *memo, GLuint name)
{
	struct memo_program *program = (struct memo_program *)(uintptr_t)memo_find(memo, name);
	if (program)
		clear(program);
	names_drop(x->names[NAMES_program], name);
}

/* So seldom that each name is looked at about once. */
static void look_through(struct exec *x, struct memo *memo)
{
	struct names *names = x->names[NAMES_program];
	size_t kept = 0;
	for (size_t i = 0; i < memo->deleted_count; i++) {
		const GLuint name = memo->deleted[i];
		if (is_there(x->driver, names_to_driver(names, name)))
			memo->deleted[kept++] = name;
		else
			forget(x, memo, name);
	}
	memo->deleted_count = kept;
	memo->look_at = 2 * kept + LOOK_LEAST;
}

static bool remember(struct memo *memo, GLuint name)
{
	if (memo->deleted_count == memo->deleted_room) {
		const size_t room = memo->deleted_room ? memo->deleted_room * 2 : LOOK_LEAST;
		GLuint *grown = realloc(memo->deleted, room * sizeof(*grown));
		if (!grown)
			return false;
		memo->deleted = grown;
		memo->deleted_room = room;
	}
	memo->deleted[memo->deleted_count++] = name;
	return true;
}

void memo_deleted(struct exec *x, GLuint driver)
{
	const GLuint name = driver ? names_known(x->names[NAMES_program], driver) : 0;
	if (!name || !x->context || names_foreign(driver))
		return;
	struct memo *memo = x->context->group->memo;
	pthread_mutex_lock(&memo->lock);
	if (!is_there(x->driver, driver))
		forget(x, memo, name);
	else if (remember(memo, name) && memo->deleted_count >= memo->look_at)
		look_through(x, memo);
	pthread_mutex_unlock(&memo->lock);
}

void proxy_glDeleteProgram(struct exec *x, GLuint program)
{
	x->driver->DeleteProgram(program);
	memo_deleted(x, program);
}

void proxy_glDeleteShader(struct exec *x, GLuint shader)
{
	x->driver->DeleteShader(shader);
	memo_deleted(x, shader);
}

void proxy_glDeleteObjectARB(struct exec *x, GLhandleARB object)
{
	x->driver->DeleteObjectARB(object);
	memo_deleted(x, object);
}

/* ---- programs made of sources at once ---- */

static char *join(GLsizei count, const GLchar *const *strings)
{
	scoped_buf struct buf all = BUF_INIT;
	for (GLsizei i = 0; strings && i < count; i++)
		buf_append(&all, strings[i], strlen(strings[i]));
	buf_append(&all, "", 1);
	return buf_failed(&all) ? NULL : strdup(all.data);
}

/* The shader is gone when the call returns. */
static void memo_made(struct exec *x, GLuint made, GLuint driver, GLenum type, char *source)
{
	GLint status = 0;
	struct memo *memo = x->context->group->memo;
	names_bind(x->names[NAMES_program], made, driver);
	x->driver->GetProgramiv(driver, GL_LINK_STATUS, &status);
	pthread_mutex_lock(&memo->lock);
	struct memo_program *program = entry(memo, made);
	if (program) {
		clear(program);
		program->name = made;
		program->linked = true;
		program->status = status;
		program->shaders = calloc(1, sizeof(*program->shaders));
	}
	if (program && program->shaders) {
		program->shaders[0] = (struct memo_shader){type, source};
		program->count = 1;
		source = NULL;
	}
	pthread_mutex_unlock(&memo->lock);
	free(source);
}

GLuint proxy_glCreateShaderProgramv(
	struct exec *x, GLenum type, GLsizei count, const GLchar *const *strings)
{
	struct wire_glCreateShaderProgramv call;
	memcpy(&call, x->message, sizeof(call));
	const GLuint driver = x->driver->CreateShaderProgramv(type, count, strings);
	if (driver && x->context)
		memo_made(x, call.made, driver, type, join(count, strings));
	return driver;
}

GLuint proxy_glCreateShaderProgramvEXT(
	struct exec *x, GLenum type, GLsizei count, const GLchar **strings)
{
	struct wire_glCreateShaderProgramvEXT call;
	memcpy(&call, x->message, sizeof(call));
	const GLuint driver = x->driver->CreateShaderProgramvEXT(type, count, strings);
	if (driver && x->context)
		memo_made(x, call.made, driver, type, join(count, (const GLchar *const *)strings));
	return driver;
}

void proxy_glLinkProgram(struct exec *x, GLuint program)
{
	x->driver->LinkProgram(program);
	memo_linked(x, program);
}

/* ---- what is said about the next link ---- */

/* The entry of a program, locked; NULL: not locked. */
static struct memo_program *open_entry(struct exec *x, GLuint driver)
{
	const GLuint name = names_known(x->names[NAMES_program], driver);
	if (!x->context || !name || names_foreign(driver) || !x->driver->IsProgram(driver))
		return NULL;
	struct memo *memo = x->context->group->memo;
	pthread_mutex_lock(&memo->lock);
	struct memo_program *program = entry(memo, name);
	if (program)
		program->name = name;
	else
		pthread_mutex_unlock(&memo->lock);
	return program;
}

static void close_entry(struct exec *x)
{
	pthread_mutex_unlock(&x->context->group->memo->lock);
}

static struct memo_wish *wish_of(struct memo_program *program, bool output, const char *name)
{
	for (size_t i = 0; i < program->wish_count; i++)
		if (program->wishes[i].output == output && !strcmp(program->wishes[i].name, name))
			return &program->wishes[i];
	const size_t count = program->wish_count + 1;
	char *copy = strdup(name);
	struct memo_wish *grown = copy ? realloc(program->wishes, count * sizeof(*grown)) : NULL;
	if (!grown) {
		free(copy);
		return NULL;
	}
	program->wishes = grown;
	program->wish_count = count;
	grown[count - 1] = (struct memo_wish){.name = copy, .output = output};
	return &grown[count - 1];
}

static void note_wish(
	struct exec *x, GLuint driver, bool output, const char *name, GLuint place, GLuint index)
{
	struct memo_program *program = name ? open_entry(x, driver) : NULL;
	if (!program)
		return;
	struct memo_wish *wish = wish_of(program, output, name);
	if (wish) {
		wish->place = place;
		wish->index = index;
	}
	close_entry(x);
}

/* What GL refuses is not noted; an error that was there before stays the first. */
static bool went_well(struct exec *x)
{
	return !exec_errors_since(x);
}

void proxy_glBindAttribLocation(struct exec *x, GLuint program, GLuint index, const GLchar *name)
{
	exec_errors_take(x);
	x->driver->BindAttribLocation(program, index, name);
	if (went_well(x))
		note_wish(x, program, false, name, index, 0);
}

void proxy_glBindFragDataLocation(struct exec *x, GLuint program, GLuint color, const GLchar *name)
{
	exec_errors_take(x);
	x->driver->BindFragDataLocation(program, color, name);
	if (went_well(x))
		note_wish(x, program, true, name, color, 0);
}

void proxy_glBindFragDataLocationIndexed(
	struct exec *x, GLuint program, GLuint colorNumber, GLuint index, const GLchar *name)
{
	exec_errors_take(x);
	x->driver->BindFragDataLocationIndexed(program, colorNumber, index, name);
	if (went_well(x))
		note_wish(x, program, true, name, colorNumber, index);
}

static void note_varyings(
	struct memo_program *program, GLsizei count, const GLchar *const *varyings, GLenum mode)
{
	scoped_buf struct buf all = BUF_INIT;
	for (GLsizei i = 0; i < count; i++)
		buf_append(&all, varyings[i], strlen(varyings[i]) + 1);
	free(program->varyings);
	program->varyings = malloc(all.size + 1);
	if (!program->varyings || buf_failed(&all))
		return;
	if (all.size)
		memcpy(program->varyings, all.data, all.size);
	program->varyings_size = all.size;
	program->varying_count = count;
	program->varying_mode = mode;
}

void proxy_glTransformFeedbackVaryings(struct exec *x, GLuint program, GLsizei count,
	const GLchar *const *varyings, GLenum bufferMode)
{
	exec_errors_take(x);
	x->driver->TransformFeedbackVaryings(program, count, varyings, bufferMode);
	struct memo_program *noted =
		went_well(x) && (varyings || !count) ? open_entry(x, program) : NULL;
	if (!noted)
		return;
	note_varyings(noted, count, varyings, bufferMode);
	close_entry(x);
}
