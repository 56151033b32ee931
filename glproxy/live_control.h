/*
 * live_control.h: what the session's side asks of all proxies (wire/hello.h): the listening
 * process passes it to each of its children over a socket pair, where a thread answers.
 */
#ifndef GLPROXY_LIVE_CONTROL_H
#define GLPROXY_LIVE_CONTROL_H

#include "glproxy/proxy.h"
#include "wire/hello.h"

#define LIVE_CHILDREN 1024

/* The children of the listening process. */
struct live_child {
	int fd;          /* -1: free */
	unsigned number; /* N of RUNDIR/pN */
	bool starting;   /* in the place of one that died: says when it stands */
	pid_t pid;
	unsigned deaths; /* while the rings stood at `tails`: of its own, */
	unsigned kills;  /* ... and by SIGKILL */
	uint64_t tails;
};

struct live_children {
	struct live_child child[LIVE_CHILDREN];
	unsigned count;
	const char *directory; /* RUNDIR */
	bool holds;            /* the display may be connected to */
};

/* A child's two ends; the parent's is noted, in the entry that had the number before if there is
 * one. The child's end, or -1. */
int live_control_add(struct live_children *children, unsigned number);

/* The process that has the child's end. */
void live_control_is(struct live_children *children, unsigned number, pid_t pid);

/* In the child after fork: closes what belongs to the parent. */
void live_control_forget(struct live_children *children);

/* Asks every child, in turn, and fills in the answer: the first sentence of what went wrong. */
void live_control_ask(struct live_children *children, enum wire_live_operation operation,
	const char *directory, const char *parent, struct wire_live_answer *answer);

/* Whether a child has ended, by its end of the socket pair. */
bool live_control_died(const struct live_children *children, unsigned index);

/* Waits for a child's word that it stands (restore); 0, or -1 with its sentence. */
int live_control_ready(const struct live_children *children, unsigned index, struct err *err);

/* In the child: says that it stands, or why it does not. */
void live_control_say(int fd, const struct err *err);

/* In the child: a thread that does what is asked. `fd` is given away. */
void live_control_start(struct proxy *proxy, int fd);

#endif
