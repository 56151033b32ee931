#include "xdetach/session/environment.h"

#include "xdetach/paths.h"
#include "xdetach/session/namespace.h"

#include <string.h>

static const struct rule {
	const char *name; /* a trailing '*' stands for any rest */
	const char *value;
	const char *why;
} always[] = {
	{"DISPLAY", NULL, "the private X server is the display"},
	{"XAUTHORITY", NULL, "the private X server has a cookie of its own"},
	{"WAYLAND_DISPLAY", NULL, "a compositor outside cannot be kept"},
	{"WAYLAND_SOCKET", NULL, "a compositor outside cannot be kept"},
	{"XDG_RUNTIME_DIR", NAMESPACE_PRIVATE "/run",
		"sockets of the host's user session lie there"},
	{"DBUS_SESSION_BUS_ADDRESS", "disabled:", "a message bus outside cannot be kept"},
	{"DBUS_SYSTEM_BUS_ADDRESS", NULL, "a message bus outside cannot be kept"},
	{"AT_SPI_BUS_ADDRESS", NULL, "a message bus outside cannot be kept"},
	{"NO_AT_BRIDGE", "1", "toolkits would start the accessibility bus"},
	{"GTK_A11Y", "none", "toolkits would start the accessibility bus"},
	{"GIO_USE_VFS", "local", "GIO would ask for a bus"},
	{"GSETTINGS_BACKEND", "memory", "GSettings would ask for a bus"},
	{"PULSE_SERVER", NULL, "a sound server outside cannot be kept"},
	{"PULSE_COOKIE", NULL, "a sound server outside cannot be kept"},
	{"PIPEWIRE_*", NULL, "a sound server outside cannot be kept"},
	{"JACK_*", NULL, "a sound server outside cannot be kept"},
	{"SDL_AUDIODRIVER", "dummy", "a sound device cannot be kept"},
	{"ALSOFT_DRIVERS", "null", "a sound device cannot be kept"},
	{"SESSION_MANAGER", NULL, "a session manager (ICE) outside cannot be kept"},
	{"ICEAUTHORITY", NULL, "a session manager (ICE) outside cannot be kept"},
	{"DESKTOP_STARTUP_ID", NULL, "it belongs to the desktop outside"},
	{"XDG_ACTIVATION_TOKEN", NULL, "it belongs to the desktop outside"},
	{"SSH_AUTH_SOCK", NULL, "an agent outside cannot be kept"},
	{"SSH_AGENT_PID", NULL, "an agent outside cannot be kept"},
	{"GPG_AGENT_INFO", NULL, "an agent outside cannot be kept"},
	{"NOTIFY_SOCKET", NULL, "the service manager waits for glckpt, not for the command"},
	{"LISTEN_FDS", NULL, "descriptors are not passed into a session"},
	{"LISTEN_PID", NULL, "descriptors are not passed into a session"},
	{"GLIBC_TUNABLES", NULL, "rseq and the like must stay as CRIU expects them"},
};

/* With OpenGL in the process. */
static const struct rule native[] = {
	{"LIBGL_ALWAYS_SOFTWARE", "1", "with GL in the process only software GL can be kept"},
	{"__GLX_VENDOR_LIBRARY_NAME", "mesa",
		"with GL in the process only software GL can be kept"},
	{"MESA_SHADER_CACHE_DISABLE", "true", "Mesa's shader cache maps a file outside the image"},
	{"MESA_GLSL_CACHE_DISABLE", "true", "the same for older Mesa"},
};

/* With OpenGL in a proxy. */
static const struct rule proxied[] = {
	{"__GLX_VENDOR_LIBRARY_NAME", "glckpt", "GLX calls go to the proxy"},
	{"GLCKPT_PROXY_SOCKET", ENVIRONMENT_GL_SOCKET, "where a program asks for its proxy"},
	{"__EGL_VENDOR_LIBRARY_FILENAMES", NULL, "EGL calls go to the proxy"},
	{"LD_LIBRARY_PATH", NULL, "glvnd finds the proxy's client libraries there"},
};

static const struct rule_set {
	const struct rule *rules;
	size_t count;
} native_sets[] = {{always, array_len(always)}, {native, array_len(native)}},
  proxied_sets[] = {{always, array_len(always)}, {proxied, array_len(proxied)}};

#define SETS 2
#define RULES_MAX (array_len(always) + array_len(native) + array_len(proxied))

static bool names(const char *rule, const char *name, size_t length)
{
	size_t size = strlen(rule);
	if (rule[size - 1] == '*')
		return length >= size - 1 && !strncmp(rule, name, size - 1);
	return length == size && !strncmp(rule, name, size);
}

static bool listed(const char *const *keep, const char *name, size_t length)
{
	for (; keep && *keep; keep++)
		if (names(*keep, name, length))
			return true;
	return false;
}

static bool in_set(const struct rule_set *set, const char *name, size_t length)
{
	for (size_t i = 0; i < set->count; i++)
		if (names(set->rules[i].name, name, length))
			return true;
	return false;
}

static bool ruled(const struct rule_set *sets, const char *entry, const char *const *keep)
{
	size_t length = strcspn(entry, "=");
	if (listed(keep, entry, length))
		return false;
	return in_set(&sets[0], entry, length) || in_set(&sets[1], entry, length);
}

static int add(char **environment, size_t *count, char *entry)
{
	if (!entry)
		return -1;
	environment[(*count)++] = entry;
	return 0;
}

static int add_set(char **environment, size_t *count, const struct rule_set *set,
	const char *const *keep, struct err *err)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct rule *rule = &set->rules[i];
		if (!rule->value || listed(keep, rule->name, strlen(rule->name)))
			continue;
		if (add(environment, count, paths_format(err, "%s=%s", rule->name, rule->value)) <
			0)
			return -1;
	}
	return 0;
}

static int add_display(char **environment, size_t *count, int display, struct err *err)
{
	if (display < 0)
		return 0;
	if (add(environment, count, paths_format(err, "DISPLAY=:%d", display)) < 0)
		return -1;
	return add(environment, count,
		paths_format(err, "XAUTHORITY=%s/Xauthority", NAMESPACE_PRIVATE));
}

static int add_gl(
	char **environment, size_t *count, const char *dir, const char *libraries, struct err *err)
{
	if (!dir)
		return 0;
	if (add(environment, count,
		    paths_format(err, "__EGL_VENDOR_LIBRARY_FILENAMES=%s/50_glckpt.json", dir)) < 0)
		return -1;
	return add(environment, count,
		paths_format(err, "LD_LIBRARY_PATH=%s%s%s", dir, libraries ? ":" : "",
			libraries ? libraries : ""));
}

static int fill(char **environment, char *const *caller, const struct environment_session *session,
	const char *const *keep, struct err *err)
{
	size_t count = 0;
	const struct rule_set *sets = session->gl_dir ? proxied_sets : native_sets;
	const char *libraries = environment_get(caller, "LD_LIBRARY_PATH");
	for (; *caller; caller++) {
		if (ruled(sets, *caller, keep))
			continue;
		if (add(environment, &count, paths_format(err, "%s", *caller)) < 0)
			return -1;
	}
	for (size_t i = 0; i < SETS; i++)
		if (add_set(environment, &count, &sets[i], keep, err) < 0)
			return -1;
	if (add_display(environment, &count, session->display, err) < 0)
		return -1;
	return add_gl(environment, &count, session->gl_dir, libraries, err);
}

char **environment_make(char *const *caller, const struct environment_session *session,
	const char *const *keep, struct err *err)
{
	size_t present = 0;
	while (caller[present])
		present++;
	char **environment = calloc(present + RULES_MAX + 5, sizeof(*environment));
	if (!environment) {
		err_set(err, "out of memory");
		return NULL;
	}
	if (fill(environment, caller, session, keep, err) == 0)
		return environment;
	environment_free(environment);
	return NULL;
}

const char *environment_get(char *const *environment, const char *name)
{
	size_t length = strlen(name);
	for (; *environment; environment++)
		if (!strncmp(*environment, name, length) && (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

void environment_free(char **environment)
{
	for (size_t i = 0; environment && environment[i]; i++)
		free(environment[i]);
	free(environment);
}

void environment_rules(environment_rule_fn *each, void *data)
{
	const struct rule_set sets[] = {native_sets[0], native_sets[1], proxied_sets[1]};
	for (size_t i = 0; i < array_len(sets); i++)
		for (size_t j = 0; j < sets[i].count; j++)
			each(sets[i].rules[j].name, sets[i].rules[j].value, sets[i].rules[j].why,
				data);
}
