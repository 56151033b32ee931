/*
 * loop.h: one thread that waits for many descriptors (epoll).
 *
 * A watch belongs to its owner, who keeps it in place from loop_add() to loop_remove(); removing
 * one while events are being handed out is allowed, its pending event is then dropped.
 */
#ifndef XDETACH_LOOP_H
#define XDETACH_LOOP_H

#include "base/err.h"

#include <stdint.h>

#define LOOP_BATCH 16

struct watch;
typedef void loop_fn(struct watch *watch, uint32_t events);

struct watch {
	int fd; /* -1 while not watched; not owned */
	loop_fn *ready;
	void *owner;
};

struct loop {
	int epoll_fd;
	struct watch *batch[LOOP_BATCH]; /* being handed out */
};

int loop_init(struct loop *loop, struct err *err);
void loop_finish(struct loop *loop);

/* `events`: EPOLLIN and so on; 0 waits for errors and hang-ups only. */
int loop_add(struct loop *loop, struct watch *watch, int fd, uint32_t events, struct err *err);
void loop_change(struct loop *loop, struct watch *watch, uint32_t events);
void loop_remove(struct loop *loop, struct watch *watch);

/* Waits at most `timeout_ms` (-1: for ever) and hands out what is ready. */
void loop_wait(struct loop *loop, int timeout_ms);

#endif
