/*
 * fake_driver.h: a GL driver that does nothing and answers 0, and a context that feeds it: for
 * tests of the decoder without a driver.
 */
#ifndef TESTS_FAKE_DRIVER_H
#define TESTS_FAKE_DRIVER_H

#include "glproxy/context.h"
#include "messages.h"

struct fake {
	struct proxy proxy;
	struct context context;
	struct group group;
	struct driver driver;
	struct names *names[NAMES_CLASSES];
	char *heap;
	void *ring;
};

/* `called` counts the driver's calls. Aborts without memory. */
void fake_init(struct fake *fake);
void fake_finish(struct fake *fake);

/* Forgets what was said: everything but the driver and the memory is as after fake_init(). */
void fake_reset(struct fake *fake);

/* Puts bytes into the ring as one message and has them executed; whether the client was refused. */
bool fake_feed(struct fake *fake, const void *message, size_t size);

extern unsigned fake_calls;

#endif
