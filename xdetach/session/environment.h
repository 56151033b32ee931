/*
 * environment.h: what of the caller's environment goes into a session.
 *
 * A variable that points at a socket outside (a message bus, a sound server, a session manager, an
 * agent, another display) would make the program hold a connection that no image can keep, so such
 * variables are dropped or point at something inside. The table in environment.c is the policy and
 * `--keep-env NAME` the exception; README lists both.
 */
#ifndef XDETACH_ENVIRONMENT_H
#define XDETACH_ENVIRONMENT_H

#include "base/err.h"

struct environment_session {
	int display;        /* number of the private X server; -1: none */
	const char *gl_dir; /* where glshim's libraries lie; NULL: OpenGL in the process */
};

/* Where the shim finds the one who starts proxies (wire/hello.h), as the session sees it. */
#define ENVIRONMENT_GL_SOCKET "/dev/shm/.glckpt/gl/socket"

/* The environment of the session's processes: a NULL-terminated heap array of heap strings, to be
 * freed with environment_free(). `keep`: NULL-terminated names that stay as they are, or NULL. */
char **environment_make(char *const *caller, const struct environment_session *session,
	const char *const *keep, struct err *err);
void environment_free(char **environment);

/* The value of a variable in an environment, or NULL. */
const char *environment_get(char *const *environment, const char *name);

/* Calls `each` for every rule: the variable, what is done with it (NULL value: dropped), and why.
 */
typedef void environment_rule_fn(const char *name, const char *value, const char *why, void *data);
void environment_rules(environment_rule_fn *each, void *data);

#endif
