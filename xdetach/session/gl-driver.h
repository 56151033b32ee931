/*
 * gl-driver.h: which OpenGL driver is here, and whether it can take up what another one drew.
 *
 * glproxy is asked, in a process of its own and with the caller's environment: a driver is loaded
 * nowhere else.
 */
#ifndef XDETACH_GL_DRIVER_H
#define XDETACH_GL_DRIVER_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

/* Which OpenGL programs are shown: the driver's own, or one that other drivers have, too. */
#define GL_PROFILE_NATIVE "native"
bool gl_profile_is_name(const char *name);

/* A check that runs while other things are looked at. */
struct gl_check {
	pid_t pid; /* 0: none */
	int sentence;
};

/* Begins to look whether the driver here has what the programs of an image were told; an image
 * without proxies needs none. Always to be ended. */
int gl_check_begin(struct gl_check *check, const char *image, struct err *err);

/* 0, or -1 with a sentence that says what is missing. */
int gl_check_end(struct gl_check *check, struct err *err);

/* {"driver": what draws here, "profiles": those it can keep}; NULL with a sentence. */
json_t *gl_driver_here(struct err *err);

/* {"driver": what drew last, "profile": what the programs are told by} of an image's folder; NULL
 * where it has no proxies, or nothing was drawn. */
json_t *gl_driver_of(const char *image);

#endif
