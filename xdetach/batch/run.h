/*
 * run.h: a job that may be stopped at any time and goes on where it stood (`glckpt run`).
 *
 *	DIR/IMAGE...       the last two images
 *	    lease.N        who runs the job (lease.h)
 *	    figures.json   what its checkpoints took (figures.h)
 *	    tmp            the command's TMPDIR, so that its temporary files come along
 *
 * Takes the lease; takes up the newest image in DIR that is sound, else launches the command; and
 * stays in front of the session. A notice (SIGTERM, SIGUSR1 and those chosen) leads to a last image
 * in DIR and to the status that tells the batch system to start the same command again. Where the
 * time of grace does not suffice for one, as earlier images let predict, the last image stands. A
 * command that ends by itself ends the job: its images go, its status is passed on.
 */
#ifndef XDETACH_RUN_H
#define XDETACH_RUN_H

#include "base/err.h"

#include <signal.h>
#include <stdbool.h>

struct run_options {
	const char *dir;
	const char **command;
	unsigned every_s;        /* 0: no periodic images */
	unsigned grace_s;        /* between a notice and the end */
	int again_status;        /* when the job is to be started again */
	bool keep_image;         /* when the command has ended, too */
	bool requeue;            /* by the scheduler's own command */
	bool node_tmp;           /* leave TMPDIR alone */
	sigset_t notices;        /* signals that announce the end */
	const char *notice_file; /* a file that does so by being there; or NULL */
};

/* The exit status: the command's own, `again_status`, or -1 with the error. */
int run_job(const struct run_options *options, struct err *err);

#endif
