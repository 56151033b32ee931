/*
 * pointer.h: the viewers' pointer, buttons and wheel, played on the private X server (XTEST).
 *
 * RFB says where the pointer is and which of eight buttons are down (4 to 7 are the wheel's).
 * pointer_stop() releases the buttons in the server; one that the user still holds then stays
 * without effect until it was released, so that no click happens twice. Main thread only.
 */
#ifndef VNC_POINTER_H
#define VNC_POINTER_H

#include "vnc/display.h"

struct pointer {
	const struct display *display; /* NULL: not held */
	unsigned down;                 /* pressed in the server: bit 0 is button 1 */
	unsigned ignored;              /* held by the user since before */
	int x, y;
};

void pointer_start(struct pointer *pointer, const struct display *display);
void pointer_stop(struct pointer *pointer);

void pointer_event(struct pointer *pointer, unsigned buttons, int x, int y);

/* As above, from wherever it is; programs hear of the movement at the edge of the screen too. */
void pointer_move(struct pointer *pointer, unsigned buttons, int by_x, int by_y);

#endif
