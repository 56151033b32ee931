#include "xdetach/engine/timerfd.h"

#include "xdetach/engine/filesimg.h"

#include <sys/timerfd.h>

/* timerfd.proto */
enum { TICKS = 5, SETTIME_FLAGS = 6, LEFT_S = 7, LEFT_NS = 8, PERIOD_S = 9, PERIOD_NS = 10 };
enum { FIELDS = PERIOD_NS + 1 };

/* The fields that are numbers; the others stay as they are. */
struct timer {
	uint64_t value[FIELDS];
	bool there[FIELDS];
};

static void read_timer(const struct proto_field *message, struct timer *timer, bool *failed)
{
	struct proto proto;
	struct proto_field field;
	proto_init(&proto, message->data, message->size);
	while (proto_next(&proto, &field)) {
		if (field.number >= FIELDS || field.type != PROTO_VARINT)
			continue;
		timer->value[field.number] = field.value;
		timer->there[field.number] = true;
	}
	*failed |= proto.failed;
}

static bool go_on(struct timer *timer)
{
	uint64_t *value = timer->value;
	if (!value[TICKS] || value[LEFT_S] || value[LEFT_NS])
		return false;
	value[LEFT_S] = value[PERIOD_S];
	value[LEFT_NS] = value[PERIOD_NS];
	return value[LEFT_S] || value[LEFT_NS];
}

static bool make_relative(struct timer *timer)
{
	if (timer->value[SETTIME_FLAGS] != TFD_TIMER_ABSTIME)
		return false;
	timer->value[SETTIME_FLAGS] = 0;
	return true;
}

static bool edit_timer(const struct proto_field *message, struct buf *out, void *data, bool *failed)
{
	struct timer timer = {0};
	read_timer(message, &timer, failed);
	bool changed = go_on(&timer);
	changed |= make_relative(&timer);
	if (!changed)
		return false;
	struct proto proto;
	struct proto_field field;
	proto_init(&proto, message->data, message->size);
	while (proto_next(&proto, &field)) {
		if (field.number < FIELDS && timer.there[field.number])
			proto_put_number(out, field.number, timer.value[field.number]);
		else
			buf_append(out, field.whole, field.whole_size);
	}
	return true;
}

int timerfd_edit_criu(struct buf *files_img, struct err *err)
{
	return filesimg_edit(files_img, FILESIMG_TIMERFD, edit_timer, NULL, err);
}
