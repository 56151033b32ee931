/*
 * session.h: a session from outside: its folder, its name, who answers there.
 *
 *	RUN-DIR/NAME/   lock    held (flock) by the keeper and the supervisor while they live
 *	                ctl     the supervisor's socket (wire/ctl.h)
 *	                x11/    the private /tmp/.X11-unix: X<number>
 *	                Xauthority   the cookie of the private X server
 *	                criu/   sockets and logs of a dump or restore under way
 *
 * A folder whose lock nobody holds is what a killed session left; any command that meets it
 * removes it. What outlives a session is in STATE-DIR: NAME.log (its output) and NAME.json (how it
 * ended).
 */
#ifndef XDETACH_SESSION_H
#define XDETACH_SESSION_H

#include "base/err.h"
#include "xdetach/session/namespace.h"

#include <jansson.h>

struct session {
	char *name;
	char *run_dir;    /* RUN-DIR/NAME */
	char *log_path;   /* STATE-DIR/NAME.log */
	char *state_path; /* STATE-DIR/NAME.json */
	int lock_fd;
};

void session_finish(struct session *session);

/* A name is [A-Za-z0-9._-], at most 64 bytes, and does not begin with '.'. */
int session_check_name(const char *name, struct err *err);

/* Claims a name: `name`, or when that is NULL `hint` with a number where it is taken. The folder
 * and the lock are there afterwards. */
int session_claim(struct session *session, const char *name, const char *hint, struct err *err);

/* Gives the claim back: removes the folder. Must run in the host's mount namespace. */
void session_release(struct session *session);

/* Connects to the supervisor of a live session; "no session is called ..." where there is none. */
int session_connect(const char *name, struct err *err);

/* Waits until nothing is left of a session that is ending, at most `timeout_s`. */
void session_wait_gone(const char *name, double timeout_s);

/* Calls `each` with the answer of every live session to {"op": "status"}; removes stale folders. */
typedef void session_each_fn(const char *name, json_t *status, void *data);
int session_each(session_each_fn *each, void *data, struct err *err);

/* How a session ended: what supervisor wrote to STATE-DIR/NAME.json, or NULL. */
json_t *session_ended(const char *name, struct err *err);

/* True when `argument` names an image (a folder with a manifest) and no session. */
bool session_is_image(const char *argument);

#endif
