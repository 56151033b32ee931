#include "glproxy/profile.h"

#include "base/scope.h"

#include <stdlib.h>
#include <string.h>

#define NAMES ((const char *const[]){WIRE_PROFILES})

/* In the order of their names. */
const struct profile profiles[] = {
	{PROFILE_NATIVE, 0, 0}, {"portable-3.3", 33, 30}, {"portable-4.5", 45, 31}, {NULL, 0, 0}};
_Static_assert(array_len(profiles) == array_len(NAMES) + 1, "WIRE_PROFILES has other names");
static const struct profile *chosen = &profiles[0];

bool profile_choose(const char *name)
{
	for (const struct profile *each = profiles; each->name; each++)
		if (!strcmp(name, each->name)) {
			chosen = each;
			return true;
		}
	return false;
}

const struct profile *profile_chosen(void)
{
	return chosen;
}

GLint profile_cap(EGLenum api)
{
	return api == EGL_OPENGL_API ? chosen->gl : chosen->es;
}

GLint profile_version(EGLenum api, GLint version)
{
	const GLint cap = profile_cap(api);
	return cap && version > cap ? cap : version;
}

bool profile_forbids(EGLenum api, const EGLint *attributes)
{
	GLint version = 0;
	for (; *attributes != EGL_NONE; attributes += 2)
		if (attributes[0] == EGL_CONTEXT_MAJOR_VERSION && attributes[1] < 100)
			version += attributes[1] * 10;
		else if (attributes[0] == EGL_CONTEXT_MINOR_VERSION && attributes[1] < 10)
			version += attributes[1];
	return profile_version(api, version) < version;
}

static int by_name(const void *name, const void *entry)
{
	return strcmp(name, ((const struct profile_extension *)entry)->name);
}

bool profile_shows_extension(const char *name)
{
	if (!chosen->gl)
		return true;
	const struct profile_extension *found = bsearch(name, profile_extensions,
		profile_extension_count, sizeof(profile_extensions[0]), by_name);
	return found && found->version <= chosen->gl;
}

bool profile_shows_config(const struct wire_config *config)
{
	return !chosen->gl || (!config->samples && !config->floating);
}

static int best_of(const struct profile_limit *limit)
{
	return chosen->gl == 33 ? limit->portable_33 : limit->portable_45;
}

bool profile_has_limit(const struct profile_limit *limit)
{
	return !chosen->gl || best_of(limit) != PROFILE_LATER;
}

double profile_bound(const struct profile_limit *limit, double value)
{
	const double best = best_of(limit);
	switch (chosen->gl ? limit->rule : PROFILE_TOLD) {
	case PROFILE_MOST:
		return value < best ? value : best;
	case PROFILE_LEAST:
	case PROFILE_MULTIPLE:
		return value > best ? value : best;
	default:
		return value;
	}
}
