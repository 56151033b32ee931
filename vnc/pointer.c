#include "vnc/pointer.h"

#include <xcb/xtest.h>

#define BUTTONS 8
#define RELATIVE 1 /* the detail of a faked movement */

static void fake(const struct pointer *pointer, uint8_t type, uint8_t detail)
{
	const struct display *display = pointer->display;
	xcb_test_fake_input(display->connection, type, detail, XCB_CURRENT_TIME, display->root,
		(int16_t)pointer->x, (int16_t)pointer->y, 0);
}

static void set_buttons(struct pointer *pointer, unsigned buttons)
{
	for (uint8_t i = 0; i < BUTTONS; i++) {
		unsigned bit = 1u << i;
		if ((buttons ^ pointer->down) & bit)
			fake(pointer, buttons & bit ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE,
				(uint8_t)(i + 1));
	}
	pointer->down = buttons;
}

void pointer_start(struct pointer *pointer, const struct display *display)
{
	pointer->display = display;
	pointer->x = pointer->y = -1; /* the next event moves it in any case */
}

void pointer_stop(struct pointer *pointer)
{
	if (!pointer->display)
		return;
	pointer->ignored |= pointer->down;
	set_buttons(pointer, 0);
	pointer->display = NULL;
}

void pointer_event(struct pointer *pointer, unsigned buttons, int x, int y)
{
	pointer->ignored &= buttons;
	if (!pointer->display)
		return;
	if (x != pointer->x || y != pointer->y) {
		pointer->x = x;
		pointer->y = y;
		fake(pointer, XCB_MOTION_NOTIFY, 0);
	}
	set_buttons(pointer, buttons & ~pointer->ignored);
}

void pointer_move(struct pointer *pointer, unsigned buttons, int by_x, int by_y)
{
	const struct display *display = pointer->display;
	pointer->ignored &= buttons;
	if (!display)
		return;
	xcb_test_fake_input(display->connection, XCB_MOTION_NOTIFY, RELATIVE, XCB_CURRENT_TIME,
		XCB_NONE, (int16_t)by_x, (int16_t)by_y, 0);
	pointer->x = pointer->y = -1;
	set_buttons(pointer, buttons & ~pointer->ignored);
}
