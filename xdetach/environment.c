#include "xdetach/environment.h"

#include "xdetach/namespace.h"
#include "xdetach/paths.h"

#include <string.h>

static const struct rule {
	const char *name; /* a trailing '*' stands for any rest */
	const char *value;
	const char *why;
} rules[] = {
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
	{"LIBGL_ALWAYS_SOFTWARE", "1", "with GL in the process only software GL can be kept"},
	{"__GLX_VENDOR_LIBRARY_NAME", "mesa",
		"with GL in the process only software GL can be kept"},
	{"MESA_SHADER_CACHE_DISABLE", "true", "Mesa's shader cache maps a file outside the image"},
	{"MESA_GLSL_CACHE_DISABLE", "true", "the same for older Mesa"},
	{"GLIBC_TUNABLES", NULL, "rseq and the like must stay as CRIU expects them"},
};

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

static bool ruled(const char *entry, const char *const *keep)
{
	size_t length = strcspn(entry, "=");
	if (listed(keep, entry, length))
		return false;
	for (size_t i = 0; i < array_len(rules); i++)
		if (names(rules[i].name, entry, length))
			return true;
	return false;
}

static int add(char **environment, size_t *count, char *entry)
{
	if (!entry)
		return -1;
	environment[(*count)++] = entry;
	return 0;
}

static int add_rules(char **environment, size_t *count, const char *const *keep, struct err *err)
{
	for (size_t i = 0; i < array_len(rules); i++) {
		const struct rule *rule = &rules[i];
		if (!rule->value || listed(keep, rule->name, strlen(rule->name)))
			continue;
		if (add(environment, count, paths_format(err, "%s=%s", rule->name, rule->value)) <
			0)
			return -1;
	}
	return 0;
}

static int add_display(char **environment, size_t *count, const struct environment_display *display,
	struct err *err)
{
	if (display->number < 0)
		return 0;
	if (add(environment, count, paths_format(err, "DISPLAY=:%d", display->number)) < 0)
		return -1;
	return add(environment, count,
		paths_format(err, "XAUTHORITY=%s/Xauthority", NAMESPACE_PRIVATE));
}

char **environment_make(char *const *caller, const struct environment_display *display,
	const char *const *keep, struct err *err)
{
	size_t count = 0, present = 0;
	while (caller[present])
		present++;
	char **environment = calloc(present + array_len(rules) + 3, sizeof(*environment));
	if (!environment) {
		err_set(err, "out of memory");
		return NULL;
	}
	for (; *caller; caller++) {
		if (ruled(*caller, keep))
			continue;
		if (add(environment, &count, paths_format(err, "%s", *caller)) < 0)
			goto failed;
	}
	if (add_rules(environment, &count, keep, err) < 0 ||
		add_display(environment, &count, display, err) < 0)
		goto failed;
	return environment;

failed:
	environment_free(environment);
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
	for (size_t i = 0; i < array_len(rules); i++)
		each(rules[i].name, rules[i].value, rules[i].why, data);
}
