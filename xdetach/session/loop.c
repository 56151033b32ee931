#include "xdetach/session/loop.h"

#include <sys/epoll.h>

int loop_init(struct loop *loop, struct err *err)
{
	*loop = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	if (loop->epoll_fd < 0)
		return err_errno(err, "epoll");
	return 0;
}

void loop_finish(struct loop *loop)
{
	if (loop->epoll_fd > 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct watch *watch, int fd, uint32_t events, struct err *err)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_errno(err, "epoll");
	watch->fd = fd;
	return 0;
}

void loop_change(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	if (watch->fd >= 0)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_remove(struct loop *loop, struct watch *watch)
{
	if (watch->fd < 0)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->fd = -1;
	for (int i = 0; i < LOOP_BATCH; i++)
		if (loop->batch[i] == watch)
			loop->batch[i] = NULL;
}

void loop_wait(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[LOOP_BATCH];
	int count = epoll_wait(loop->epoll_fd, events, LOOP_BATCH, timeout_ms);
	for (int i = 0; i < count; i++)
		loop->batch[i] = events[i].data.ptr;
	for (int i = 0; i < count; i++) {
		struct watch *watch = loop->batch[i];
		loop->batch[i] = NULL;
		if (watch)
			watch->ready(watch, events[i].events);
	}
}
