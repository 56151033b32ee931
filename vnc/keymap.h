/*
 * keymap.h: which key gives which keysym, and keys lent to keysyms that the layout lacks.
 *
 * A copy of the X server's keyboard mapping (core protocol, GetKeyboardMapping), in memory only:
 * whoever lends a key here also tells the server. A keysym gets a spare key, one without any
 * keysym; when all are lent, the one lent longest ago, because programs read the mapping late and
 * a key that changes its meaning too soon would be misread.
 */
#ifndef VNC_KEYMAP_H
#define VNC_KEYMAP_H

#include <stdbool.h>
#include <stdint.h>

#define KEYMAP_KEYS 256

struct keymap {
	int first, last; /* keycodes */
	int columns;     /* keysyms a key */
	uint32_t *keysyms;
	unsigned lent[KEYMAP_KEYS]; /* when, counted from 1; 0: never */
	bool spare[KEYMAP_KEYS];    /* may be lent */
	unsigned clock;
};

struct keymap_place {
	uint8_t key;
	bool shift;    /* needs Shift */
	bool no_shift; /* would be something else with Shift */
};

/* Copies the keysyms of the keys `first` to `last`, `columns` each. -1: no memory. */
int keymap_init(struct keymap *map, int first, int last, int columns, const uint32_t *keysyms);
void keymap_finish(struct keymap *map);

/* `map` was read anew: keys that `before` had lent, and that are as they were, are spare still. */
void keymap_inherit(struct keymap *map, const struct keymap *before);

/* True with the place of a keysym, as given by the first two columns. */
bool keymap_find(const struct keymap *map, uint32_t keysym, struct keymap_place *place);

/* Lends a key, with the keysym in all its columns. The key, or 0 where no key was ever spare. */
uint8_t keymap_lend(struct keymap *map, uint32_t keysym);

/* The keysym that means the same, without a second name: Latin-1 has none in the Unicode range. */
uint32_t keymap_plain(uint32_t keysym);

/* Shift, Control, Alt, Super and their kin, which act while they are held. */
bool keymap_is_modifier(uint32_t keysym);

/* Caps_Lock, Num_Lock, ...: what they do is in the keysyms that viewers send already. */
bool keymap_is_lock(uint32_t keysym);

/* A character, for which Shift is no more than a way to reach it. */
bool keymap_is_character(uint32_t keysym);

#endif
