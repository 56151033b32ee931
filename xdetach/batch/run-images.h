/*
 * run-images.h: the images in a job's folder, newest first.
 *
 * The hosts' clocks may differ, so an image is newer when a later run took it (the token in its
 * manifest, session.run.token), and within a run when the session's own monotonic clock, which
 * never goes back, says so.
 */
#ifndef XDETACH_RUN_IMAGES_H
#define XDETACH_RUN_IMAGES_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* How many images of a job are kept. */
#define RUN_IMAGES_KEPT 2

struct run_image {
	char *path;
	uint64_t token;
	int64_t monotonic_ns;
};

struct run_images {
	struct run_image *list;
	size_t count;
};

/* Finds the images in `dir`; one whose manifest cannot be read comes last. */
int run_images_find(struct run_images *images, const char *dir, struct err *err);
void run_images_finish(struct run_images *images);

/* Removes all but the newest `keep` images. */
int run_images_prune(const char *dir, size_t keep, struct err *err);

#endif
