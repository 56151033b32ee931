/*
 * timerfd.h: timers that criu would bring back wrong.
 *
 * A timer of timerfd_create(2) that expired before the dump and was not read yet shows no time left
 * in /proc/PID/fdinfo; criu sets that, and so disarms it: a periodic timer ticks no more. One that
 * was set to an absolute time criu sets to whole seconds of now and what was left, up to a second
 * early. Both are put right in files.img on its way to criu, so older images profit too.
 */
#ifndef XDETACH_TIMERFD_H
#define XDETACH_TIMERFD_H

#include "base/buf.h"
#include "base/err.h"

/* A periodic timer with unread expirations goes on with its period; what is left of an absolute
 * time is set as such (but where the program wants to hear of changed clocks). */
int timerfd_edit_criu(struct buf *files_img, struct err *err);

#endif
