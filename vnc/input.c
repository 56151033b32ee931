#define _GNU_SOURCE
#include "vnc/input.h"

#include "base/scope.h"

#include <sys/eventfd.h>

int input_init(struct input *input, struct err *err)
{
	*input = (struct input){.lock = PTHREAD_MUTEX_INITIALIZER};
	input->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return input->wake < 0 ? err_errno(err, "eventfd") : 0;
}

void input_finish(struct input *input)
{
	struct input_event event;
	while (input->count && input_take(input, &event))
		free(event.text);
	if (input->wake > 0)
		close(input->wake);
	input->wake = -1;
}

void input_wake(struct input *input)
{
	eventfd_write(input->wake, 1);
}

/* ---- under the lock ---- */

static struct input_event *at(struct input *input, unsigned index)
{
	return &input->events[(input->first + index) % INPUT_MAX];
}

static bool joins_last(struct input *input, const struct input_event *event)
{
	const struct input_event *last = input->count ? at(input, input->count - 1) : NULL;
	return last && event->kind == INPUT_POINTER && last->kind == INPUT_POINTER &&
		last->buttons == event->buttons && last->relative == event->relative;
}

static void join(struct input_event *last, const struct input_event *event)
{
	const int x = last->x, y = last->y;
	*last = *event;
	if (event->relative) {
		last->x += x;
		last->y += y;
	}
}

static bool is_release(const struct input_event *event)
{
	return event->kind == INPUT_KEY ? !event->down
					: event->kind == INPUT_POINTER && !event->buttons;
}

static bool has_room(const struct input *input, const struct input_event *event)
{
	unsigned room = INPUT_MAX - input->count;
	return room > (is_release(event) ? 0 : INPUT_RESERVED);
}

/* ---- */

void input_put(struct input *input, const struct input_event *event)
{
	pthread_mutex_lock(&input->lock);
	if (joins_last(input, event))
		join(at(input, input->count - 1), event);
	else if (has_room(input, event))
		*at(input, input->count++) = *event;
	else
		free(event->text);
	pthread_mutex_unlock(&input->lock);
	input_wake(input);
}

bool input_take(struct input *input, struct input_event *event)
{
	pthread_mutex_lock(&input->lock);
	bool there = input->count > 0;
	if (there) {
		*event = *at(input, 0);
		input->first = (input->first + 1) % INPUT_MAX;
		input->count--;
	}
	pthread_mutex_unlock(&input->lock);
	return there;
}

bool input_waits(struct input *input)
{
	pthread_mutex_lock(&input->lock);
	bool waits = input->count > 0;
	pthread_mutex_unlock(&input->lock);
	return waits;
}
