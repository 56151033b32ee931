/*
 * screen.h: the picture that viewers see, and the viewers (RFB, by libvncserver).
 *
 * Each viewer has threads of its own, so one that stops reading holds up nobody else. The picture
 * is written by the main thread while viewers' threads read it; what they read half-written is
 * marked as changed afterwards and sent again.
 */
#ifndef VNC_SCREEN_H
#define VNC_SCREEN_H

#include "base/err.h"
#include "vnc/cursor.h"
#include "vnc/input.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct _rfbScreenInfo;

struct screen {
	struct _rfbScreenInfo *rfb;
	uint8_t *pixels; /* as in grab.h */
	size_t stride;
	int width, height;
	pthread_mutex_t admission; /* one newcomer at a time, none while the size changes */
	char *password[2];         /* a list of one, closed by NULL */
};

/* `name`: shown by viewers; borrowed. What viewers do goes into `input`. */
int screen_init(struct screen *screen, const char *name, int width, int height, struct input *input,
	struct err *err);

/* Takes a connection in; takes the descriptor over. `known`: no password is asked. Any thread. */
void screen_admit(struct screen *screen, int fd, bool known);

/* The password of VNC authentication, at most 8 characters. Main thread. */
void screen_set_password(struct screen *screen, const char *password);

/* How many see the picture; how many are connected. Any thread. */
int screen_viewers(const struct screen *screen, int *connected);

/* True while a viewer waits for something new. */
bool screen_awaited(const struct screen *screen);

void screen_changed(struct screen *screen, int x, int y, int width, int height);

/* A new size, all black. 1: a viewer is being written to, try again; -1: no memory. */
int screen_resize(struct screen *screen, int width, int height);

/* Takes cursor->pixels over. */
void screen_set_cursor(struct screen *screen, const struct cursor *cursor);

/* Gives viewers the text that a program has copied (UTF-8). Does not wait for them. */
void screen_send_text(struct screen *screen, const char *text);

#endif
