/*
 * Whether a driver can keep what was told by another (told.h).
 */
#define _GNU_SOURCE
#include "glproxy/told.h"

#include "glproxy/snapshot_file.h"
#include "glproxy/snapshot_surface.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

struct check {
	struct proxy proxy; /* nothing but a driver and what is read */
	char profile[64];
	struct err *err;
};

static const char *name_of_api(EGLenum api)
{
	return api == EGL_OPENGL_API ? "OpenGL" : "OpenGL ES";
}

/* What to do about it. */
static const char *advice(const struct check *check)
{
	return strcmp(check->profile, PROFILE_NATIVE)
		? "restore it where the driver has that"
		: "restore it where the driver has that, or launch with --gl-profile portable-3.3";
}

static int lacks(const struct check *check, const struct told *told, const struct told *here,
	const char *what)
{
	return err_set(check->err,
		"OpenGL: the program was shown %s (profile %s, drawn by %s), which the driver "
		"here (%s) has not: %s",
		what, check->profile, told->driver ? told->driver : "another driver",
		here && here->driver ? here->driver : "none", advice(check));
}

static int check_version(
	const struct check *check, const struct told *told, const struct told *here)
{
	char what[64];
	const int had = told_version(told), has = told_version(here);
	if (has >= had)
		return 0;
	snprintf(what, sizeof(what), "%s %d.%d", name_of_api(told->api), had / 10, had % 10);
	return lacks(check, told, here, what);
}

static bool has_extension(const struct told *told, const char *name, size_t length)
{
	size_t has;
	const char *each;
	for (GLint i = 0; (each = told_extension(told, i, &has)); i++)
		if (has == length && !memcmp(each, name, length))
			return true;
	return false;
}

static int check_extensions(
	const struct check *check, const struct told *told, const struct told *here)
{
	char what[160], first[96] = "";
	unsigned missing = 0;
	size_t length;
	const char *name;
	for (GLint i = 0; (name = told_extension(told, i, &length)); i++)
		if (!has_extension(here, name, length) && !missing++)
			snprintf(first, sizeof(first), "%.*s", (int)length, name);
	if (!missing)
		return 0;
	if (missing == 1)
		return lacks(check, told, here, first);
	snprintf(what, sizeof(what), "%s and %u more extensions", first, missing - 1);
	return lacks(check, told, here, what);
}

static bool is_kept(enum profile_rule rule, double had, double has)
{
	switch (rule) {
	case PROFILE_MOST:
		return has >= had;
	case PROFILE_LEAST:
		return has <= had;
	case PROFILE_MULTIPLE:
		return has > 0 && has <= had && (int64_t)had % (int64_t)has == 0;
	default:
		return true;
	}
}

static int check_limit(const struct check *check, const struct told *told, const struct told *here,
	const struct profile_limit *limit)
{
	char what[96];
	double had[2] = {0}, has[2] = {0};
	if (!told_limit(told, limit->pname, had))
		return 0;
	told_limit(here, limit->pname, has);
	const bool pair = limit->pname == GL_MAX_VIEWPORT_DIMS;
	if (is_kept(limit->rule, had[0], has[0]) && (!pair || is_kept(limit->rule, had[1], has[1])))
		return 0;
	snprintf(what, sizeof(what), "a limit of %.0f for %s", had[0], limit->name);
	return lacks(check, told, here, what);
}

static int check_limits(const struct check *check, const struct told *told, const struct told *here)
{
	for (size_t i = 0; i < profile_limit_count; i++)
		if (check_limit(check, told, here, &profile_limits[i]))
			return -1;
	return 0;
}

/* ---- the driver here ---- */

static EGLContext open_context(const struct proxy *proxy, EGLenum api, const EGLint *attributes)
{
	eglBindAPI(api);
	EGLContext made =
		eglCreateContext(proxy->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
	for (EGLint i = 0; made == EGL_NO_CONTEXT && i < proxy->config_count; i++)
		made = eglCreateContext(
			proxy->display, proxy->configs[i], EGL_NO_CONTEXT, attributes);
	return made;
}

/* What it would tell a context of that kind; nothing where it gives none. */
static struct told *ask_here(
	const struct proxy *proxy, EGLenum api, const EGLint *attributes, size_t attributes_size)
{
	struct told *here = told_create(api, attributes, attributes_size);
	EGLContext context = open_context(proxy, api, attributes);
	if (here && context != EGL_NO_CONTEXT &&
		eglMakeCurrent(proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		told_ask(here, proxy->driver);
	eglMakeCurrent(proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	if (context != EGL_NO_CONTEXT)
		eglDestroyContext(proxy->display, context);
	return here;
}

static const EGLint plain[] = {EGL_NONE};

/* A context that cannot be had is told of by the one that can be. */
static char *driver_here(const struct proxy *proxy)
{
	struct told *here = ask_here(proxy, EGL_OPENGL_API, plain, sizeof(plain));
	char *driver = here && here->driver ? strdup(here->driver) : NULL;
	told_destroy(here);
	return driver;
}

static int check_kind(const struct check *check, const struct told *told)
{
	struct told *here =
		ask_here(&check->proxy, told->api, told->attributes, told->attributes_size);
	if (!here)
		return err_set(check->err, "out of memory");
	if (!here->driver)
		here->driver = driver_here(&check->proxy);
	const int status = check_version(check, told, here) ||
			check_extensions(check, told, here) || check_limits(check, told, here)
		? -1
		: 0;
	told_destroy(here);
	return status;
}

static int check_configs(const struct check *check)
{
	const struct proxy *proxy = &check->proxy;
	for (size_t i = 0; i < proxy->told_config_count; i++) {
		const struct wire_config *told = &proxy->told_configs[i];
		if (told->reserved && told_driver_config(proxy, told->id) == EGL_NO_CONFIG_KHR)
			return err_set(check->err,
				"OpenGL: the program draws in windows of %d+%d+%d+%d bits, %d of "
				"depth, %d of stencil, %d samples, which the driver here has not: "
				"%s",
				told->red, told->green, told->blue, told->alpha, told->depth,
				told->stencil, told->samples, advice(check));
	}
	return 0;
}

/* ---- all snapshots ---- */

static void note_profile(struct check *check, struct span record)
{
	const struct span name = span_bytes(&record);
	snprintf(check->profile, sizeof(check->profile), "%.*s",
		record.failed ? 0 : (int)strnlen(name.at, name.left), name.at);
}

static int check_told(const struct check *check)
{
	for (const struct told *told = check->proxy.told; told; told = told->next)
		if (check_kind(check, told))
			return -1;
	return check_configs(check);
}

/* What was told comes first; the rest is for who builds it. */
static int read_told(struct check *check, const struct snapshot_place *place)
{
	scoped(snapshot_in_finish) struct snapshot_in in;
	struct span record;
	uint32_t tag;
	if (snapshot_in_open(&in, place, check->err))
		return -1;
	while (snapshot_in_next(&in, &tag, &record)) {
		if (tag == SNAPSHOT_PROFILE)
			note_profile(check, record);
		else if (tag != SNAPSHOT_TOLD && tag != SNAPSHOT_CONFIGS)
			break;
		if (told_adopt(&check->proxy, tag, record, check->err))
			return -1;
	}
	return in.failed ? -1 : 0;
}

/* Each snapshot by itself: they are of processes that may have been told different things. */
static int each_snapshot(
	struct check *check, const char *directory, int (*see)(const struct check *))
{
	int status = 0;
	scoped_dir DIR *dir = opendir(directory);
	if (!dir)
		return err_errno(check->err, "%s", directory);
	for (const struct dirent *entry; !status && (entry = readdir(dir));) {
		const struct snapshot_place place = {.directory = directory, .name = entry->d_name};
		const char *dot = strrchr(entry->d_name, '.');
		if (!dot || strcmp(dot, ".glsnap") != 0)
			continue;
		status = read_told(check, &place) || see(check) ? -1 : 0;
		told_finish(&check->proxy);
	}
	return status;
}

int told_check(const char *directory, struct err *err)
{
	struct check check = {.err = err};
	if (proxy_open_driver(&check.proxy, err))
		return -1;
	const int status = each_snapshot(&check, directory, check_told);
	proxy_close_driver(&check.proxy);
	return status;
}

/* ---- telling people ---- */

/* What stands in a string of JSON as it is. */
static void plain_text(char *text)
{
	for (; text && *text; text++)
		if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
			*text = '?';
}

static void print_profiles(GLint version)
{
	printf(", \"profiles\": [\"" PROFILE_NATIVE "\"");
	for (const struct profile *each = profiles; each->name; each++)
		if (each->gl && each->gl <= version)
			printf(", \"%s\"", each->name);
	printf("]");
}

/* The first that has drawn speaks for all. */
static int print_told(const struct check *check)
{
	const struct told *told = check->proxy.told;
	if (!told || !told->driver)
		return 0;
	plain_text(told->driver);
	printf("{\"profile\": \"%s\", \"driver\": \"%s\"}\n", check->profile, told->driver);
	return -1;
}

int told_print(const char *directory, struct err *err)
{
	struct check check = {.err = err};
	return each_snapshot(&check, directory, print_told) && err_is_set(err) ? -1 : 0;
}

int told_describe(struct err *err)
{
	static const EGLint core[] = {
		EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 2, EGL_NONE};
	struct proxy proxy = {0};
	if (proxy_open_driver(&proxy, err))
		return -1;
	struct told *here = ask_here(&proxy, EGL_OPENGL_API, core, sizeof(core));
	plain_text(here ? here->driver : NULL);
	if (here && here->driver) {
		printf("{\"driver\": \"%s\"", here->driver);
		print_profiles(told_version(here));
		printf("}\n");
	}
	const int status = here && here->driver
		? 0
		: err_set(err, "the driver gives no OpenGL 3.2 core context");
	told_destroy(here);
	proxy_close_driver(&proxy);
	return status;
}
