#define _GNU_SOURCE
#include "vnc/keys.h"

#include "base/scope.h"

#include <X11/keysym.h>
#include <string.h>
#include <xcb/xtest.h>

static void fake(const struct keys *keys, uint8_t type, uint8_t key)
{
	xcb_test_fake_input(
		keys->display->connection, type, key, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
}

/* ---- the layout ---- */

static int read_layout(struct keys *keys)
{
	xcb_connection_t *connection = keys->display->connection;
	const xcb_setup_t *setup = xcb_get_setup(connection);
	int count = setup->max_keycode - setup->min_keycode + 1;
	xcb_get_keyboard_mapping_cookie_t asked =
		xcb_get_keyboard_mapping(connection, setup->min_keycode, (uint8_t)count);
	scoped_free xcb_get_keyboard_mapping_reply_t *reply =
		xcb_get_keyboard_mapping_reply(connection, asked, NULL);
	if (!reply ||
		xcb_get_keyboard_mapping_keysyms_length(reply) < count * reply->keysyms_per_keycode)
		return -1;
	scoped(keymap_finish) struct keymap before = keys->map;
	if (keymap_init(&keys->map, setup->min_keycode, setup->max_keycode,
		    reply->keysyms_per_keycode, xcb_get_keyboard_mapping_keysyms(reply)) < 0)
		return -1;
	keymap_inherit(&keys->map, &before);
	return 0;
}

void keys_mapping_changed(struct keys *keys)
{
	if (keys->display)
		read_layout(keys);
}

/* Programs hear of the new mapping before the key, because the server does things in order. */
static uint8_t lend(struct keys *keys, uint32_t keysym)
{
	uint8_t key = keymap_lend(&keys->map, keysym);
	const uint32_t keysyms[] = {keysym, keysym};
	if (key)
		xcb_change_keyboard_mapping(keys->display->connection, 1, key, 2, keysyms);
	return key;
}

static void set_repeat(const struct keys *keys, bool on)
{
	const uint32_t value = on ? XCB_AUTO_REPEAT_MODE_ON : XCB_AUTO_REPEAT_MODE_OFF;
	xcb_change_keyboard_control(keys->display->connection, XCB_KB_AUTO_REPEAT_MODE, &value);
}

static bool repeats(const struct keys *keys)
{
	xcb_connection_t *connection = keys->display->connection;
	scoped_free xcb_get_keyboard_control_reply_t *reply = xcb_get_keyboard_control_reply(
		connection, xcb_get_keyboard_control(connection), NULL);
	return reply && reply->global_auto_repeat == XCB_AUTO_REPEAT_MODE_ON;
}

/* ---- what is held ---- */

/* Some viewers say `A` when it goes down and `a` when it comes up. */
static uint32_t fold(uint32_t keysym)
{
	bool capital = (keysym >= XK_A && keysym <= XK_Z) ||
		(keysym >= XK_Agrave && keysym <= XK_THORN && keysym != XK_multiply);
	return capital ? keysym + 0x20 : keysym;
}

static struct keys_held *find_held(struct keys *keys, uint32_t keysym)
{
	for (int i = 0; i < keys->count; i++)
		if (fold(keys->held[i].keysym) == fold(keysym))
			return &keys->held[i];
	return NULL;
}

static void forget(struct keys *keys, struct keys_held *held)
{
	*held = keys->held[--keys->count];
}

static bool shift_is_down(const struct keys *keys)
{
	for (int i = 0; i < keys->count; i++)
		if (keys->held[i].key &&
			(keys->held[i].keysym == XK_Shift_L || keys->held[i].keysym == XK_Shift_R))
			return true;
	return false;
}

/* ---- pressing and releasing ---- */

static void fake_shifts(const struct keys *keys, uint8_t type)
{
	for (int i = 0; i < keys->count; i++)
		if (keys->held[i].key &&
			(keys->held[i].keysym == XK_Shift_L || keys->held[i].keysym == XK_Shift_R))
			fake(keys, type, keys->held[i].key);
}

static void press_with_shift(const struct keys *keys, uint8_t key)
{
	struct keymap_place shift;
	bool found = keymap_find(&keys->map, XK_Shift_L, &shift);
	if (found)
		fake(keys, XCB_KEY_PRESS, shift.key);
	fake(keys, XCB_KEY_PRESS, key);
	if (found)
		fake(keys, XCB_KEY_RELEASE, shift.key);
}

static void press_without_shift(const struct keys *keys, uint8_t key)
{
	fake_shifts(keys, XCB_KEY_RELEASE);
	fake(keys, XCB_KEY_PRESS, key);
	fake_shifts(keys, XCB_KEY_PRESS);
}

/* The key that was pressed for a keysym; 0: there is none. */
static uint8_t press(struct keys *keys, uint32_t keysym)
{
	struct keymap_place place = {0};
	if (!keymap_find(&keys->map, keysym, &place))
		place.key = lend(keys, keysym);
	if (!place.key)
		return 0;
	bool shift = shift_is_down(keys);
	if (place.shift && !shift)
		press_with_shift(keys, place.key);
	else if (place.no_shift && shift && keymap_is_character(keysym))
		press_without_shift(keys, place.key);
	else
		fake(keys, XCB_KEY_PRESS, place.key);
	return place.key;
}

static void on_down(struct keys *keys, uint32_t keysym)
{
	struct keys_held *held = find_held(keys, keysym);
	if (held && keymap_is_modifier(keysym))
		return; /* held already */
	if (held && held->key)
		fake(keys, XCB_KEY_RELEASE, held->key); /* the viewer repeats it */
	if (held)
		forget(keys, held);
	if (keys->count == KEYS_HELD_MAX)
		return;
	uint8_t key = press(keys, keysym);
	keys->held[keys->count++] = (struct keys_held){keysym, key};
}

static void on_up(struct keys *keys, uint32_t keysym)
{
	struct keys_held *held = find_held(keys, keysym);
	if (!held)
		return;
	if (held->key)
		fake(keys, XCB_KEY_RELEASE, held->key);
	forget(keys, held);
}

void keys_event(struct keys *keys, bool down, uint32_t keysym)
{
	keysym = keymap_plain(keysym);
	if (keymap_is_lock(keysym))
		return;
	if (!down)
		on_up(keys, keysym);
	else if (keys->display)
		on_down(keys, keysym);
}

/* ---- taking hold and letting go ---- */

int keys_start(struct keys *keys, const struct display *display, struct err *err)
{
	keys->display = display;
	if (read_layout(keys) < 0) {
		keys->display = NULL;
		return err_set(err, "the private X server gave no keyboard mapping");
	}
	keys->repeated = repeats(keys);
	set_repeat(keys, false);
	for (int i = 0; i < keys->count; i++)
		if (keymap_is_modifier(keys->held[i].keysym))
			keys->held[i].key = press(keys, keys->held[i].keysym);
	return 0;
}

void keys_stop(struct keys *keys)
{
	if (!keys->display)
		return;
	for (int i = 0; i < keys->count; i++) {
		if (keys->held[i].key)
			fake(keys, XCB_KEY_RELEASE, keys->held[i].key);
		keys->held[i].key = 0;
	}
	if (keys->repeated)
		set_repeat(keys, true);
	keys->display = NULL;
}

void keys_finish(struct keys *keys)
{
	keys_stop(keys);
	keymap_finish(&keys->map);
}
