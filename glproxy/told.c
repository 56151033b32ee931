#define _GNU_SOURCE
#include "glproxy/told.h"

#include "wire/extensions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- asking the driver ---- */

static const GLenum text_names[] = {
	GL_VENDOR, GL_RENDERER, GL_VERSION, GL_SHADING_LANGUAGE_VERSION};

static void forget_errors(const struct driver *gl)
{
	for (int tries = 0; tries < 32 && gl->GetError(); tries++)
		;
}

static char *driver_text(const struct driver *gl, GLenum name)
{
	const char *text = (const char *)gl->GetString(name);
	return text ? strdup(text) : NULL;
}

/* "4.5 (Core Profile) Mesa" as its number and where that is: 45. */
static GLint number_in(const char *text, size_t *at, size_t *end)
{
	*at = strcspn(text, "0123456789");
	const char *number = text + *at, *dot = strchr(number, '.');
	*end = *at + strspn(number, "0123456789.");
	if (!dot || dot == number || dot >= text + *end)
		return 0;
	return atoi(number) * 10 + (dot[1] - '0');
}

/* The text with another number, and with our name for what follows. */
static char *other_version(const char *text, GLint version, bool shading)
{
	size_t at, end;
	char *made = NULL;
	if (number_in(text, &at, &end) <= version && shading)
		version = number_in(text, &at, &end);
	const char *kind = strstr(text, "(Core Profile)") ? " (Core Profile)"
		: strstr(text, "(Compatibility Profile)") ? " (Compatibility Profile)"
							  : "";
	const int printed = shading
		? asprintf(&made, "%.*s%d.%d0", (int)at, text, version / 10, version % 10)
		: asprintf(&made, "%.*s%d.%d%s %s", (int)at, text, version / 10, version % 10, kind,
			  profile_chosen()->name);
	return printed < 0 ? NULL : made;
}

static void replace(char **text, char *made)
{
	if (!made)
		return;
	free(*text);
	*text = made;
}

/* Shading languages have their own numbers: those of OpenGL 3.2 and before were lower. */
static void tell_portable_texts(struct told *told, GLint version)
{
	size_t at, end;
	replace(&told->texts[0], strdup("glckpt"));
	replace(&told->texts[1], strdup(profile_chosen()->name));
	const GLint has = told->texts[2] ? number_in(told->texts[2], &at, &end) : 0;
	if (told->texts[2])
		replace(&told->texts[2],
			other_version(told->texts[2], has < version ? has : version, false));
	if (told->texts[3])
		replace(&told->texts[3], other_version(told->texts[3], version, true));
}

static void tell_texts(struct told *told, const struct driver *gl)
{
	for (size_t i = 0; i < array_len(text_names); i++)
		told->texts[i] = driver_text(gl, text_names[i]);
	if (asprintf(&told->driver, "%s, %s", told->texts[1] ? told->texts[1] : "unknown",
		    told->texts[2] ? told->texts[2] : "unknown") < 0)
		told->driver = NULL;
	if (profile_cap(told->api))
		tell_portable_texts(told, profile_cap(told->api));
}

static int by_text(const void *name, const void *entry)
{
	return strcmp(name, *(const char *const *)entry);
}

static bool is_offered(const char *name)
{
	return bsearch(
		name, wire_extensions, wire_extension_count, sizeof(wire_extensions[0]), by_text);
}

static void tell_extension(struct buf *all, const char *name)
{
	if (!name || !is_offered(name) || !profile_shows_extension(name))
		return;
	buf_append(all, name, strlen(name));
	buf_append(all, " ", 1);
}

static void tell_listed(struct buf *all, const char *list)
{
	scoped_free char *copy = strdup(list);
	char *rest = copy;
	for (char *name; rest && (name = strsep(&rest, " "));)
		if (*name)
			tell_extension(all, name);
}

static void tell_extensions(struct told *told, const struct driver *gl)
{
	scoped_buf struct buf all = BUF_INIT;
	GLint count = 0;
	gl->GetIntegerv(GL_NUM_EXTENSIONS, &count);
	for (GLint i = 0; i < count; i++)
		tell_extension(&all, (const char *)gl->GetStringi(GL_EXTENSIONS, (GLuint)i));
	const char *list = count ? NULL : (const char *)gl->GetString(GL_EXTENSIONS);
	if (list)
		tell_listed(&all, list);
	buf_append(&all, "", 1);
	told->extensions = buf_failed(&all) ? NULL : strdup(all.data);
}

/* ---- limits ---- */

static bool ask_limit(
	const struct driver *gl, const struct profile_limit *limit, struct told_limit *told)
{
	GLint integers[4] = {0};
	GLfloat reals[4] = {0};
	*told = (struct told_limit){.pname = limit->pname};
	if (limit->rule == PROFILE_REAL)
		gl->GetFloatv(limit->pname, reals);
	else
		gl->GetIntegerv(limit->pname, integers);
	for (int i = 0; i < 2; i++)
		told->values[i] = limit->rule == PROFILE_REAL ? reals[i] : integers[i];
	if (gl->GetError() == GL_NO_ERROR)
		return true;
	forget_errors(gl);
	return false;
}

static void tell_limit(
	struct told *told, const struct driver *gl, const struct profile_limit *limit)
{
	struct told_limit *to = &told->limits[told->limit_count];
	if (!profile_has_limit(limit) || !ask_limit(gl, limit, to))
		return;
	for (int i = 0; i < 2; i++)
		to->values[i] = profile_bound(limit, to->values[i]);
	told->limit_count++;
}

/* GL_MAJOR_VERSION and so on say what the strings say. */
static void tell_numbers(struct told *told)
{
	size_t at, end;
	const GLint version =
		profile_cap(told->api) && told->texts[2] ? number_in(told->texts[2], &at, &end) : 0;
	if (version < 30)
		return;
	told->limits[told->limit_count++] =
		(struct told_limit){GL_MAJOR_VERSION, 0, {version / 10}};
	told->limits[told->limit_count++] =
		(struct told_limit){GL_MINOR_VERSION, 0, {version % 10}};
}

static int by_pname(const void *one, const void *other)
{
	const GLenum a = ((const struct told_limit *)one)->pname,
		     b = ((const struct told_limit *)other)->pname;
	return a < b ? -1 : a > b;
}

static void tell_limits(struct told *told, const struct driver *gl)
{
	told->limits = calloc(profile_limit_count + 2, sizeof(*told->limits));
	for (size_t i = 0; told->limits && i < profile_limit_count; i++)
		tell_limit(told, gl, &profile_limits[i]);
	if (!told->limits)
		return;
	tell_numbers(told);
	qsort(told->limits, told->limit_count, sizeof(*told->limits), by_pname);
}

/* What the driver would say of our questions is no business of the program's. */
void told_ask(struct told *told, const struct driver *gl)
{
	const bool loud = gl->IsEnabled(GL_DEBUG_OUTPUT);
	forget_errors(gl);
	if (loud)
		gl->Disable(GL_DEBUG_OUTPUT);
	tell_texts(told, gl);
	tell_extensions(told, gl);
	forget_errors(gl);
	tell_limits(told, gl);
	if (loud)
		gl->Enable(GL_DEBUG_OUTPUT);
}

/* "llvmpipe (LLVM 15), 4.5 (Core Profile) Mesa 22.3.6": the middle depends on the context. */
bool told_by_another(const struct told *told, const struct driver *gl)
{
	const char *renderer = (const char *)gl->GetString(GL_RENDERER);
	const char *version = (const char *)gl->GetString(GL_VERSION);
	if (!told || !told->driver || !renderer || !version)
		return false;
	const char *had = strrchr(told->driver, ' '), *has = strrchr(version, ' ');
	return strncmp(told->driver, renderer, strlen(renderer)) != 0 || !had || !has ||
		strcmp(had, has) != 0;
}

/* ---- who was told ---- */

static size_t size_of(const EGLint *attributes)
{
	size_t count = 1;
	while (attributes[count - 1] != EGL_NONE)
		count += 2;
	return count * sizeof(*attributes);
}

void told_destroy(struct told *told)
{
	if (!told)
		return;
	for (size_t i = 0; i < array_len(told->texts); i++)
		free(told->texts[i]);
	free(told->attributes);
	free(told->extensions);
	free(told->driver);
	free(told->limits);
	free(told);
}

struct told *told_create(EGLenum api, const void *attributes, size_t size)
{
	struct told *told = calloc(1, sizeof(*told));
	if (!told)
		return NULL;
	told->api = api;
	told->attributes_size = size;
	told->attributes = malloc(size);
	if (told->attributes) {
		memcpy(told->attributes, attributes, size);
		return told;
	}
	told_destroy(told);
	return NULL;
}

static const struct told *find(const struct context *context)
{
	const size_t size = size_of(context->attributes);
	for (const struct told *told = context->exec.proxy->told; told; told = told->next)
		if (told->api == context->api && told->attributes_size == size &&
			!memcmp(told->attributes, context->attributes, size))
			return told;
	return NULL;
}

/* At the end of the list: those who read it hold no lock, nor does what they read change. */
void told_add(struct proxy *proxy, struct told *told)
{
	struct told **end = &proxy->told;
	while (*end)
		end = &(*end)->next;
	*end = told;
}

static const struct told *tell(struct context *context)
{
	struct proxy *proxy = context->exec.proxy;
	struct told *made =
		told_create(context->api, context->attributes, size_of(context->attributes));
	if (!made)
		return NULL;
	exec_errors_take(&context->exec);
	told_ask(made, context->exec.driver);
	pthread_mutex_lock(&proxy->lock);
	const struct told *other = find(context);
	if (!other)
		told_add(proxy, made);
	pthread_mutex_unlock(&proxy->lock);
	if (other)
		told_destroy(made);
	return other ? other : made;
}

const struct told *told_known(struct context *context)
{
	if (!context || context->told)
		return context ? context->told : NULL;
	pthread_mutex_lock(&context->exec.proxy->lock);
	context->told = find(context);
	pthread_mutex_unlock(&context->exec.proxy->lock);
	return context->told;
}

const struct told *told_of(struct context *context)
{
	if (!told_known(context) && context->current && !context->exec.in_begin)
		context->told = tell(context);
	return context->told;
}

void told_finish(struct proxy *proxy)
{
	for (struct told *told = proxy->told; told;) {
		struct told *next = told->next;
		told_destroy(told);
		told = next;
	}
	proxy->told = NULL;
	free(proxy->told_configs);
	proxy->told_configs = NULL;
}

/* ---- answers ---- */

const char *told_text(const struct told *told, GLenum name)
{
	for (size_t i = 0; told && i < array_len(text_names); i++)
		if (name == text_names[i])
			return told->texts[i];
	return told && name == GL_EXTENSIONS ? told->extensions : NULL;
}

GLint told_version(const struct told *told)
{
	size_t at, end;
	return told && told->texts[2] ? number_in(told->texts[2], &at, &end) : 0;
}

const char *told_extension(const struct told *told, GLint index, size_t *length)
{
	const char *at = told ? told->extensions : NULL;
	for (; at && *at; at += *length + 1) {
		*length = strcspn(at, " ");
		if (index-- == 0)
			return at;
	}
	return NULL;
}

GLint told_extension_count(const struct told *told)
{
	GLint count = 0;
	for (const char *at = told ? told->extensions : NULL; at && (at = strchr(at, ' ')); at++)
		count++;
	return count;
}

bool told_limit(const struct told *told, GLenum pname, double values[2])
{
	const struct told_limit wanted = {.pname = pname};
	const struct told_limit *found = !told || !told->limits
		? NULL
		: bsearch(&wanted, told->limits, told->limit_count, sizeof(wanted), by_pname);
	if (!found)
		return false;
	memcpy(values, found->values, sizeof(found->values));
	return true;
}
