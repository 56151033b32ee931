/*
 * keys.h: the viewers' keyboard, played on the private X server (XTEST).
 *
 * Viewers say keysyms. Each is looked up in the server's layout; one that the layout lacks is
 * given a spare key; Shift is added or lifted for the length of a key where a viewer's layout
 * needs another one. While the server is held its own repetition of held keys is off: viewers
 * repeat by themselves, and a slow moment must not double a letter.
 *
 * What is held down survives letting go: keys_stop() releases everything in the server; when it
 * is held again, modifiers that the user still holds are pressed again, and other keys are not,
 * because that would type them twice. The main thread only, under the display's guard.
 */
#ifndef VNC_KEYS_H
#define VNC_KEYS_H

#include "vnc/display.h"
#include "vnc/keymap.h"

#define KEYS_HELD_MAX 64

struct keys_held {
	uint32_t keysym;
	uint8_t key; /* pressed in the server; 0: no longer */
};

struct keys {
	const struct display *display; /* NULL: not held */
	struct keymap map;
	bool repeated; /* the server's repetition was on */
	struct keys_held held[KEYS_HELD_MAX];
	int count;
};

void keys_finish(struct keys *keys);

int keys_start(struct keys *keys, const struct display *display, struct err *err);
void keys_stop(struct keys *keys);

/* While the server is not held, presses are dropped and releases noted. */
void keys_event(struct keys *keys, bool down, uint32_t keysym);

/* The layout was changed by somebody in the session. */
void keys_mapping_changed(struct keys *keys);

#endif
