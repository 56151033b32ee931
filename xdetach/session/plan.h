/*
 * plan.h: from what a command was asked to what a supervisor is told (struct plan, supervisor.h).
 *
 * What `launch`, `restore` and `run` have in common: the options that describe a session, checked
 * before anything is started, and everything a plan points to, held until the session has been
 * started (start.h). A making that succeeds has claimed the session's name; start_session() uses
 * the claim up.
 */
#ifndef XDETACH_PLAN_H
#define XDETACH_PLAN_H

#include "xdetach/session/supervisor.h"

#include <popt.h>

/* A popt table for what describes a new session (--name, --gl, --xserver, --geometry, --no-display,
 * --keep-env), to be included; plan_launch() reads what was chosen. */
extern const struct poptOption plan_session_options[];

/* The session's name where --name was given, else NULL. */
const char *plan_session_name(void);

struct making {
	struct plan plan;
	struct namespace_clock clock;
	char *image_dir;
	char **environment;
};

struct plan_launch {
	const char **command; /* NULL-terminated */
	const char *image_dir;
	unsigned every_s;
	bool terminal;
};

struct plan_restore {
	const struct image *image; /* verified here; outlives the making */
	const char *name;          /* of the session; NULL: the one it had */
	const char *image_dir;     /* NULL: that of the image */
	const unsigned *every_s;   /* NULL: as before */
	enum files_policy files;
	bool terminal;   /* refuse an image whose session has none */
	bool gl_lacking; /* restore.h */
};

/* A new session. 126 and 127 are the statuses where the command cannot be run. */
int plan_launch(struct making *making, const struct plan_launch *options, struct err *err);

/* An image's session, once all that restore_check() looks at has been found sound. */
int plan_restore(struct making *making, const struct plan_restore *options, struct err *err);

/* Takes a zeroed, half-built or finished making. */
void plan_finish(struct making *making);

/* The folder of images as an absolute path; NULL: the user's own. A heap string. */
char *plan_image_dir(const char *given, struct err *err);

#endif
