/*
 * thread.h: threads of the image store: no signal is delivered to one, so that the
 * process's handlers run where its owner expects them.
 */
#ifndef XDETACH_STREAM_THREAD_H
#define XDETACH_STREAM_THREAD_H

#include "base/err.h"

#include <pthread.h>

int stream_thread_start(pthread_t *thread, void *(*run)(void *), void *data, struct err *err);

/* Processors this process may use. */
unsigned stream_thread_processors(void);

#endif
