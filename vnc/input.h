/*
 * input.h: what viewers type, point at and copy, from their threads to the main one.
 *
 * A bounded queue. Movements of the pointer that nobody has taken yet become one; when the queue
 * is full presses and movements are lost, releases are not. Every function may be called in any
 * thread.
 */
#ifndef VNC_INPUT_H
#define VNC_INPUT_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define INPUT_MAX 1024
#define INPUT_RESERVED 128 /* for releases */

enum input_kind {
	INPUT_KEY,
	INPUT_POINTER,
	INPUT_TEXT,
	INPUT_SIZE,
};

struct input_event {
	enum input_kind kind;
	bool down;     /* a key */
	bool relative; /* the pointer: x, y say how far it moves */
	uint32_t keysym;
	unsigned buttons; /* the pointer; bit 0 is button 1 */
	int x, y;         /* of the pointer; the size that is wished for */
	char *text; /* of the clipboard: a heap string in UTF-8; whoever takes the event owns it */
};

struct input {
	pthread_mutex_t lock;
	int wake; /* an eventfd: readable while there is something */
	struct input_event events[INPUT_MAX];
	unsigned first, count;
};

int input_init(struct input *input, struct err *err);
void input_finish(struct input *input);

/* Takes over event->text. */
void input_put(struct input *input, const struct input_event *event);

/* False: nothing is there. */
bool input_take(struct input *input, struct input_event *event);

/* True while something waits to be taken. */
bool input_waits(struct input *input);

/* Wakes the main thread. */
void input_wake(struct input *input);

#endif
