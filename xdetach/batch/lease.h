/*
 * lease.h: who may run a job, where several hosts see its folder.
 *
 *	DIR/lease.N   the N-th run of the job: where it runs, renewed by its time of change
 *
 * The run with the highest number holds the job. A number is taken by link(2), which only one of
 * several takers can win, on NFS as well; it is never given out twice, so it is the fencing token
 * too: a run that is not the last one any more must not publish an image (lease_check()). That is
 * what protects a job from a copy of itself on a host that was thought dead.
 *
 * A lease is over when it was released, when its process is gone (seen from the same host), or
 * when it was seen not to be renewed for as long as the one who asks has patience, by that one's
 *own clock: neither the hosts' clocks nor the times that a file system writes need agree, only
 *change. A scheduler that counts restarts settles it sooner: a later start of the same job takes
 *over, and the earlier one ends itself when it next renews.
 *
 * One thread at a time.
 */
#ifndef XDETACH_LEASE_H
#define XDETACH_LEASE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define LEASE_RENEW_S 5
#define LEASE_STALE_S 30

struct lease {
	const char *dir; /* borrowed; NULL: no lease is held */
	uint64_t token;
	double renewed_at; /* when the folder could last be reached, io_now() */
	bool lost;
};

/* Who asks. */
struct lease_claim {
	const char *job;   /* the scheduler's name for the job; NULL: there is no scheduler */
	long start;        /* how often the scheduler has started it before */
	double patience_s; /* with a holder that does not renew: LEASE_STALE_S */
	/* Asked with `data` while waiting for a lease to run out; may be NULL. */
	bool (*give_up)(const void *data);
	const void *data;
};

/* What shuts a run out that has been overtaken; dir NULL: nothing does. */
struct lease_fence {
	const char *dir; /* as a path of the host */
	uint64_t token;
};

/* Takes the job in `dir`, an absolute path that outlives the lease. While another holds it: waits
 * as long as that one may be dead, else refuses with a sentence that says where it runs. */
int lease_take(
	struct lease *lease, const char *dir, const struct lease_claim *claim, struct err *err);

/* To be called every LEASE_RENEW_S; -1 when the job has been taken over. A folder that cannot be
 * reached for a while is no reason. */
int lease_renew(struct lease *lease, struct err *err);

/* The fence: -1 unless the run with this token is the last one that took `dir`. */
int lease_check(const char *dir, uint64_t token, struct err *err);

/* Leaves the job to the next run. Takes one that is not held. */
void lease_release(struct lease *lease);

/* The job is over: nothing of the lease remains. */
void lease_remove(struct lease *lease);

#endif
