#include "vnc/keymap.h"

#include <X11/keysym.h>
#include <stdlib.h>
#include <string.h>

#define NO_SYMBOL 0u
#define UNICODE 0x01000000u

static const uint32_t *row(const struct keymap *map, int key)
{
	return map->keysyms + (size_t)(key - map->first) * (size_t)map->columns;
}

static bool is_empty(const struct keymap *map, int key)
{
	for (int i = 0; i < map->columns; i++)
		if (row(map, key)[i] != NO_SYMBOL)
			return false;
	return true;
}

int keymap_init(struct keymap *map, int first, int last, int columns, const uint32_t *keysyms)
{
	*map = (struct keymap){.first = first, .last = last, .columns = columns};
	if (first < 1 || last >= KEYMAP_KEYS || first > last || columns < 1)
		return -1;
	size_t size = (size_t)(last - first + 1) * (size_t)columns * sizeof(*keysyms);
	map->keysyms = malloc(size);
	if (!map->keysyms)
		return -1;
	memcpy(map->keysyms, keysyms, size);
	for (int key = first; key <= last; key++)
		map->spare[key] = is_empty(map, key);
	return 0;
}

void keymap_finish(struct keymap *map)
{
	free(map->keysyms);
	*map = (struct keymap){0};
}

void keymap_inherit(struct keymap *map, const struct keymap *before)
{
	map->clock = before->clock;
	for (int key = map->first; key <= map->last; key++) {
		if (!before->lent[key] || key < before->first || key > before->last ||
			row(map, key)[0] != row(before, key)[0])
			continue;
		map->lent[key] = before->lent[key];
		map->spare[key] = true;
	}
}

static bool find_in_column(
	const struct keymap *map, uint32_t keysym, int column, struct keymap_place *place)
{
	for (int key = map->first; map->keysyms && key <= map->last; key++) {
		const uint32_t *has = row(map, key);
		if (has[column] != keysym)
			continue;
		uint32_t other = map->columns > 1 ? has[1] : NO_SYMBOL;
		*place = (struct keymap_place){
			.key = (uint8_t)key,
			.shift = column == 1,
			.no_shift = column == 0 && other != NO_SYMBOL && other != keysym,
		};
		return true;
	}
	return false;
}

bool keymap_find(const struct keymap *map, uint32_t keysym, struct keymap_place *place)
{
	if (keysym == NO_SYMBOL)
		return false;
	return find_in_column(map, keysym, 0, place) ||
		(map->columns > 1 && find_in_column(map, keysym, 1, place));
}

uint8_t keymap_lend(struct keymap *map, uint32_t keysym)
{
	int best = 0;
	for (int key = map->first; key <= map->last; key++)
		if (map->spare[key] && (!best || map->lent[key] < map->lent[best]))
			best = key;
	if (!best)
		return 0;
	map->lent[best] = ++map->clock;
	uint32_t *keysyms = map->keysyms + (size_t)(best - map->first) * (size_t)map->columns;
	for (int i = 0; i < map->columns; i++)
		keysyms[i] = keysym;
	return (uint8_t)best;
}

uint32_t keymap_plain(uint32_t keysym)
{
	bool latin1 = (keysym >= (UNICODE | 0x20) && keysym <= (UNICODE | 0x7e)) ||
		(keysym >= (UNICODE | 0xa0) && keysym <= (UNICODE | 0xff));
	return latin1 ? keysym & 0xff : keysym;
}

bool keymap_is_modifier(uint32_t keysym)
{
	return (keysym >= XK_Shift_L && keysym <= XK_Hyper_R && !keymap_is_lock(keysym)) ||
		keysym == XK_ISO_Level3_Shift || keysym == XK_Mode_switch;
}

bool keymap_is_lock(uint32_t keysym)
{
	return keysym == XK_Caps_Lock || keysym == XK_Shift_Lock || keysym == XK_Num_Lock ||
		keysym == XK_Scroll_Lock;
}

bool keymap_is_character(uint32_t keysym)
{
	return keysym < 0xfd00 || keysym >= UNICODE;
}
