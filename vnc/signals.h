/*
 * signals.h: SIGINT, SIGTERM and SIGHUP as a descriptor, so that who is asked to end does it well.
 */
#ifndef VNC_SIGNALS_H
#define VNC_SIGNALS_H

#include "base/err.h"

/* Blocks them, and those that display.h wants blocked, for this thread and those made afterwards;
 * ignores SIGPIPE. The descriptor is readable when one has come. */
int signals_open(struct err *err);

#endif
