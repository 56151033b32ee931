/*
 * screen.h: the picture that viewers see, and the viewers (RFB, by libvncserver).
 *
 * Each viewer has threads of its own, so one that stops reading holds up nobody else. The picture
 * is written by the main thread, or by the private X server when it asks, while viewers' threads
 * read it; what they read half-written is published afterwards and sent again.
 */
#ifndef VNC_SCREEN_H
#define VNC_SCREEN_H

#include "base/err.h"
#include "vnc/cursor.h"
#include "vnc/input.h"
#include "vnc/memory.h"
#include "vnc/pass.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct _rfbScreenInfo;
struct sraRegion;

struct screen {
	struct _rfbScreenInfo *rfb;
	struct input *input;
	struct memory memory; /* the pixels, as in grab.h, without gaps between rows */
	int width, height;
	struct sraRegion *changes;  /* not published yet */
	atomic_bool asked;          /* a viewer has asked for news since screen_publish() */
	atomic_int widest, highest; /* what the private X server can be resized to; 0: not at all */
	pthread_mutex_t admission;  /* one newcomer at a time, none while the size changes */
	atomic_bool pointerless;    /* the cursor cannot be seen: a program has taken the pointer */
	struct pass *passes;        /* of those who are asked for a password */
};

/* `name`: shown by viewers; borrowed. What viewers do goes into `input`. */
int screen_init(struct screen *screen, const char *name, int width, int height, struct input *input,
	struct err *err);

/* Takes a connection in, with a right; takes the descriptor over. SCREEN_ASK_PASSWORD: the password
 * says which. Any thread. */
#define SCREEN_ASK_PASSWORD (-1)
void screen_admit(struct screen *screen, int fd, int right);

/* By whose passwords viewers get in; borrowed. Before anybody is admitted. */
void screen_set_passes(struct screen *screen, struct pass *passes);

/* Lets all viewers go. Any thread. */
void screen_dismiss(struct screen *screen);

/* How many see the picture; how many are connected. Any thread. */
int screen_viewers(const struct screen *screen, int *connected);

/* While somebody has connected and does not watch yet libvncserver looks for it in turns: not too
 * often then. Main thread. */
void screen_set_greeting(struct screen *screen, bool greeting);

/* True while a viewer waits for something new. When one begins to, the main thread is woken. */
bool screen_awaited(const struct screen *screen);

/* Notes what has changed; screen_publish() then gives it to the viewers as one. Main thread. */
void screen_changed(struct screen *screen, int x, int y, int width, int height);
void screen_publish(struct screen *screen);

/* Moves a rectangle's worth of pixels, from `by` rows above to where it is, and has viewers do the
 * same by CopyRect. False, and nothing has happened: somebody is being written to, or there are
 * many. Main thread. */
bool screen_move(struct screen *screen, int x, int y, int width, int height, int by);

/* A new size, all black. 1: a viewer is being written to or let in, try again soon; one written to
 * at every try for some seconds does not read, and is let go. -1: no memory. */
int screen_resize(struct screen *screen, int width, int height, struct err *err);

/* Viewers may ask for sizes up to this one from now on. */
void screen_set_limits(struct screen *screen, int width, int height);

/* Takes cursor->pixels over. */
void screen_set_cursor(struct screen *screen, const struct cursor *cursor);

/* Gives viewers the text that a program has copied (UTF-8). Does not wait for them. */
void screen_send_text(struct screen *screen, const char *text);

#endif
