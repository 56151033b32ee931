/*
 * proxy.h: one application process's proxy: its run directory, its driver, what its contexts share.
 */
#ifndef GLPROXY_PROXY_H
#define GLPROXY_PROXY_H

#include "base/err.h"
#include "glproxy/driver.h"
#include "wire/ring.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

struct context;
struct journal;
struct live;
struct surface;
struct told;
struct wire_config;

#define PROXY_OBJECTS 65536u /* contexts, and surfaces, alive at a time */

struct proxy {
	const char *directory;
	bool restored;         /* files are taken, not made */
	bool replaying;        /* from a journal (recover.h): nothing runs yet, files may be gone */
	GLuint next_number;    /* of the next context or surface, as it was once; 0: any */
	unsigned next_size[2]; /* ... and the size of the next window; 0: as it says */
	bool client_to_come;   /* its process is restored after this one */
	int directory_fd;
	int alive_fd;
	pid_t client; /* for the log */
	char *heap;
	struct wire_mapping control;
	const struct driver *driver;
	EGLDisplay display;
	EGLConfig *configs;
	EGLint config_count;
	struct live *live;
	struct told *told; /* told.h; under the lock */
	struct wire_config *told_configs;
	size_t told_config_count;
	struct journal *journal; /* NULL: none is kept */
	bool let_go;             /* no X server may be connected to */
	bool alone; /* no program has the other side of mappings: it is as the driver's */

	pthread_mutex_t lock; /* the tables below */
	struct context **contexts;
	struct surface **surfaces;
};

/* Opens the driver and makes the files of the run directory; `restored`: takes those there are. */
int proxy_init(
	struct proxy *proxy, const char *directory, pid_t client, bool restored, struct err *err);
void proxy_finish(struct proxy *proxy);

/* The driver's display and configs; closing ends every context and surface of it. */
int proxy_open_driver(struct proxy *proxy, struct err *err);
void proxy_close_driver(struct proxy *proxy);

/* Makes (or, being restored, takes) and maps a ring's file; 0 or -1. */
int proxy_make_ring(
	struct proxy *proxy, const char *name, struct wire_mapping *map, struct err *err);
void proxy_drop_ring(struct proxy *proxy, const char *name, struct wire_mapping *map);

/* Serves the control ring until the client closes it or `client` has ended. */
void proxy_serve(struct proxy *proxy);

#endif
