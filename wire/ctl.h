/*
 * ctl.h: what glckpt, the supervisor of a session and its workers say to each other.
 *
 * A message is one JSON object in one packet of a Unix SOCK_SEQPACKET socket, at most
 * CTL_MESSAGE_MAX bytes. Requests carry "op", everything that comes back carries "event". Both
 * ends ignore members they do not know; a request whose "ctl" is newer than CTL_VERSION is refused
 * with a sentence. PROTOCOL.md lists the messages.
 *
 * One thread at a time per descriptor. json_t values given to ctl_send() are consumed.
 */
#ifndef WIRE_CTL_H
#define WIRE_CTL_H

#include "base/err.h"

#include <jansson.h>

#define CTL_VERSION 1
#define CTL_MESSAGE_MAX (128 * 1024)

/* Listens on DIR/ctl (any path length). Non-blocking. The descriptor, or -1. */
int ctl_listen(const char *dir, struct err *err);

/* Accepts one client; one of another user is turned away (SO_PEERCRED). -1 with errno EAGAIN when
 * nobody is waiting or the client was turned away. */
int ctl_accept(int listener);

/* Connects to DIR/ctl. errno stays that of connect(2): ECONNREFUSED and ENOENT mean nobody. */
int ctl_connect(const char *dir, struct err *err);

/* Two connected ends, for a parent and its child. */
int ctl_pair(int fds[2], struct err *err);

/* Sends one message; consumes it in every case. */
int ctl_send(int fd, json_t *message, struct err *err);

/* Receives one message: a new reference; NULL at the end of the connection (err not set, errno 0)
 * or on an error (err set, and errno: EAGAIN where nothing is there). Blocks unless the descriptor
 * does not. */
json_t *ctl_receive(int fd, struct err *err);

/* One request, one answer. An answer {"event": "error"} becomes the error. */
json_t *ctl_call(int fd, json_t *request, struct err *err);

/* Turns {"event": "error", "text", "status"} into `err` and returns -1; else 0. */
int ctl_check(const json_t *message, struct err *err);

/* The answer that says what went wrong. */
json_t *ctl_error(const struct err *err);

/* True where message[key] is the string `value`. */
bool ctl_is(const json_t *message, const char *key, const char *value);

#endif
