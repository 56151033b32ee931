/*
 * clip.h: the clipboard, both ways, as UTF-8 text (ICCCM selections, XFixes to hear of new owners).
 *
 * What a program copies (CLIPBOARD, or marks: PRIMARY) is told to the viewers; what a viewer copies
 * becomes the content of both, given to programs that ask. The viewers' text is kept over letting
 * go, and offered again. Texts of more than CLIP_MAX bytes stay where they are. The main thread
 * only, under the display's guard.
 */
#ifndef VNC_CLIP_H
#define VNC_CLIP_H

#include "vnc/display.h"

#define CLIP_MAX (200 * 1024) /* what fits into one request */

struct clip {
	const struct display *display; /* NULL: not held */
	xcb_window_t window;
	xcb_atom_t clipboard, utf8, targets, property;
	char *offered;                                /* the viewers' text, or NULL */
	bool ours;                                    /* the viewers' text is the newest */
	void (*copied)(void *data, const char *text); /* a program has copied something */
	void *data;
};

void clip_finish(struct clip *clip);

int clip_start(struct clip *clip, const struct display *display, struct err *err);
void clip_stop(struct clip *clip);

/* A viewer has copied `text`, which is taken over. */
void clip_offer(struct clip *clip, char *text);

/* True where the event was for the clipboard. */
bool clip_event(struct clip *clip, const xcb_generic_event_t *event);

#endif
