#define _GNU_SOURCE
#include "xdetach/stream/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

int stream_thread_start(pthread_t *thread, void *(*run)(void *), void *data, struct err *err)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(thread, NULL, run, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = failed;
	return failed ? err_errno(err, "a thread") : 0;
}

unsigned stream_thread_processors(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	int count = CPU_COUNT(&set);
	return count > 0 ? (unsigned)count : 1;
}
