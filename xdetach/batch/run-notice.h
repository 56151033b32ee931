/*
 * run-notice.h: what `glckpt run` does while its session runs: renews the lease, notes the images
 * that are kept, and turns a notice into a last image. For run.c alone.
 */
#ifndef XDETACH_RUN_NOTICE_H
#define XDETACH_RUN_NOTICE_H

#include "xdetach/batch/lease.h"
#include "xdetach/batch/run.h"
#include "xdetach/batch/scheduler.h"
#include "xdetach/session/front.h"

enum run_phase {
	RUN_GOING,
	RUN_STOPPING,  /* a last image is being taken, or tried again */
	RUN_FELL_BACK, /* ended without one: an earlier image stands */
	RUN_OVERTAKEN, /* a later run has taken the job */
};

struct run {
	const struct run_options *options;
	const char *dir; /* absolute */
	struct scheduler scheduler;
	struct lease lease;

	/* while a session runs */
	const char *session;
	const json_t *from; /* the manifest of the image it was taken up from; NULL: launched */
	enum run_phase phase;
	char *image;  /* the newest one that stands, or NULL */
	bool noticed; /* at least one notice has come */
	bool storage_lost;
	bool file_seen; /* the file that is a notice */
	int fd;         /* to the supervisor, while a last image is being taken; else -1 */
	double noticed_at, predicted_s, next_renewal, next_try, next_look;
	char trouble[ERR_TEXT_MAX]; /* why the last image could not be taken yet */
};

/* The hooks for front.h; `run` is their data. */
struct front_hooks run_notice_hooks(struct run *run);

/* A line for the job's output, with job and node in front where they are known. */
void run_say(const struct run *run, const char *format, ...) printf_like(2, 3);

#endif
