/*
 * capture-state.h: what the two halves of a capture share: capture.c hears criu and
 * says when all is in; inlet.c takes the bytes out of criu's pipes.
 */
#ifndef XDETACH_STREAM_CAPTURE_STATE_H
#define XDETACH_STREAM_CAPTURE_STATE_H

#include "base/err.h"
#include "xdetach/stream/pool.h"
#include "xdetach/stream/store.h"
#include "xdetach/stream/stream.h"
#include "xdetach/stream/wire.h"

#include <pthread.h>

#define PIPE_SIZE (1 << 20) /* what an ordinary user may ask for */

enum { COPIERS = 2, PARCELS = 16 };

/*
 * One thread, the mover, hears what criu has to say and empties its pipes: pages are handed over to
 * a pipe of ours, a parcel, which costs little because nothing is copied. So criu is soon free to
 * look for the next pages, while the copiers, beside each other and beside criu, copy what is in
 * the parcels to where it belongs in the file.
 */
struct parcel {
	struct parcel *next;
	int pipe[2];
	struct inlet *inlet;
	struct fill *fill;
	uint8_t *to;
	size_t size;
};

/* A pipe of criu's. */
struct inlet {
	struct inlet *next;
	int fd;
	struct stream_file *file;
	struct fill *fill; /* the chunk that the next bytes belong to */
	size_t chunks;     /* begun */
	bool widened;
};

/* A chunk being filled by several copiers. */
struct fill {
	struct stream_job *job;
	uint32_t capacity;
	uint32_t claimed;
	uint32_t copied; /* with the capture's lock, as is the next */
	bool sealed;     /* nothing more will be claimed */
};

struct stream_capture {
	struct stream_pool *pool;
	struct stream_store *store;
	int listening;
	int epoll;
	int wake;

	struct parcel parcels[PARCELS];
	pthread_mutex_t lock;
	pthread_cond_t changed; /* for who waits for the end */
	pthread_cond_t moved;   /* a parcel was filled, or all is over */
	pthread_cond_t emptied;
	struct parcel *empty;
	struct parcel *full;
	struct parcel **full_end;
	size_t busy; /* parcels between the two, and a mover at work */
	struct wire wire;
	bool connected;
	bool closed; /* criu has closed its socket */
	struct inlet *inlets;
	size_t open_inlets;
	bool stopped;
	struct err err;

	pthread_t threads[1 + COPIERS];
	unsigned thread_count;
};

/* The first error stays; criu then finds its pipes closed. */
void capture_note_error(struct stream_capture *capture, const struct err *err);

/* Counts who may hold bytes that are in no pipe of criu's any more. */
void capture_set_busy(struct stream_capture *capture, int change);

/* The thread of a copier; it ends when the capture is stopped. */
void *inlet_run_copier(void *capture);

/* Takes what is there, up to the end of the pipe. Only the mover. */
void inlet_empty(struct stream_capture *capture, struct inlet *inlet);

/* After the threads have ended: gives up what was moved and not copied, then the rest. */
void inlet_drop_parcels(struct stream_capture *capture);
void inlet_destroy(struct inlet *inlet, struct stream_pool *pool);

#endif
