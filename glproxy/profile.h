/*
 * profile.h: which OpenGL the program is shown.
 *
 *	native		what the driver says
 *	portable-N.M	OpenGL N.M (and the ES that goes with it), the extensions and limits that
 *			drivers of that version have in common (profile_table.c), no multisampled
 *			and no floating-point configs
 *
 * Chosen at launch, for the process and all its proxies; what a program was told by it is kept
 * (told.h). Nothing keeps a program from using what it was not told.
 */
#ifndef GLPROXY_PROFILE_H
#define GLPROXY_PROFILE_H

#include "wire/config.h"

#include <EGL/egl.h>
#include <GL/gl.h>
#include <stdbool.h>
#include <stddef.h>

#define PROFILE_NATIVE "native"

/* How two drivers' values of a limit compare. */
enum profile_rule {
	PROFILE_MOST,     /* the more the better */
	PROFILE_LEAST,    /* the less the better */
	PROFILE_MULTIPLE, /* one that divides the other is good */
	PROFILE_TOLD,     /* no promise, only told again */
	PROFILE_REAL      /* ... and no integer */
};

struct profile_limit {
	const char *name;
	GLenum pname;
	enum profile_rule rule;
	int portable_33, portable_45; /* what these profiles tell at best */
};

#define PROFILE_LATER (-1000000) /* instead of a value: a later version has the limit */

struct profile_extension {
	const char *name;
	int version; /* 33: of portable-3.3 and later ones, 45: of portable-4.5 */
};

/* profile_table.c; extensions in the order of strcmp(). */
extern const struct profile_limit profile_limits[];
extern const size_t profile_limit_count;
extern const struct profile_extension profile_extensions[];
extern const size_t profile_extension_count;

struct profile {
	const char *name;
	GLint gl, es; /* the highest versions, as 33; 0: the driver's */
};

/* All there are, ended by one without a name. */
extern const struct profile profiles[];

/* The process's profile: chosen once, at the beginning. False where there is none of that name. */
bool profile_choose(const char *name);
const struct profile *profile_chosen(void);

/* The highest version of an API; 0: the driver's. */
GLint profile_cap(EGLenum api);

/* Whether a context of these attributes (up to EGL_NONE) is beyond the profile. */
bool profile_forbids(EGLenum api, const EGLint *attributes);

/* The version that a program sees, where the driver has `version`. */
GLint profile_version(EGLenum api, GLint version);

bool profile_shows_extension(const char *name);
bool profile_shows_config(const struct wire_config *config);

/* Whether a limit is the profile's to tell; and what is told, where the driver says `value`. */
bool profile_has_limit(const struct profile_limit *limit);
double profile_bound(const struct profile_limit *limit, double value);

#endif
