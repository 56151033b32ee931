/*
 * driver.h: the entry points of the real driver (generated: driver_table.h).
 *
 * They come from eglGetProcAddress, not from libepoxy: a call that a driver lacks must end in
 * GL_INVALID_OPERATION for one client, where libepoxy ends the process.
 */
#ifndef GLPROXY_DRIVER_H
#define GLPROXY_DRIVER_H

#include "driver_table.h"

/* Fills the table; loaded once for the process, read-only afterwards. */
const struct driver *driver_load(void);

#endif
