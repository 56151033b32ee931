#define _GNU_SOURCE
#include "vnc/signals.h"

#include "vnc/display.h"

#include <signal.h>
#include <sys/signalfd.h>

int signals_open(struct err *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	display_block_alarm();
	int fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_errno(err, "signalfd") : fd;
}
