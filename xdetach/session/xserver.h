/*
 * xserver.h: the private X server of a session.
 *
 * Xvfb or Xvnc (as a mere framebuffer: no RFB port), reached only through its socket in the
 * session's private /tmp/.X11-unix and with a cookie (MIT-MAGIC-COOKIE-1). Its display number is
 * part of the image; because the folder is private, clones may share it.
 */
#ifndef XDETACH_XSERVER_H
#define XDETACH_XSERVER_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

struct xserver {
	char kind[8]; /* "none", "xvfb", "xvnc" */
	int number;   /* of the display; -1: none */
	int width, height;
};

/* "1280x800" into width and height, 1 to 16384 each. */
int xserver_parse_geometry(struct xserver *server, const char *text, struct err *err);
int xserver_parse_kind(struct xserver *server, const char *text, struct err *err);

/* Finds a free display number; says which package to install when the server is missing. */
int xserver_choose(struct xserver *server, struct err *err);

/* Writes the cookie to RUN-DIR/Xauthority and (inside the session) to its private folder. */
int xserver_write_cookie(const struct xserver *server, const char *run_dir, struct err *err);

/* The arguments that start it; "@" stands for the descriptor of -displayfd. Pointers into
 * `storage`; at most `max` with the closing NULL. Returns how many. */
struct xserver_argv {
	const char *argv[40];
	char text[12][64];
};
int xserver_argv(const struct xserver *server, struct xserver_argv *out);

/* The lock file of a server that runs is only in the way of others. */
void xserver_drop_lock(const struct xserver *server);

json_t *xserver_to_json(const struct xserver *server);
void xserver_from_json(struct xserver *server, const json_t *json);

/* Waits at most this long for a frozen or hung server. */
#define XSERVER_TIMEOUT_MS 3000

/* A picture of the screen of the server behind the socket RUN-DIR/x11/X<number>, as a PNG file, at
 * most `width_out` wide (0: as it is). When it returns the server has closed the connection. */
int xserver_screenshot(const struct xserver *server, const char *run_dir, const char *path,
	uint32_t width_out, struct err *err);

#endif
