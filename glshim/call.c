#include "glshim/call.h"

#include "entries.h"
#include "glshim/context.h"
#include "glshim/process.h"
#include "messages.h"

#include <string.h>
#include <time.h>

#define SPINS_MIN 64u
#define SPINS_MAX 4096u

/* What can be written without looking at the tail again. */
static void set_limit(struct shim_context *self, uint64_t tail)
{
	const uint64_t size = self->ring.ring_size;
	const uint64_t end = (self->position / size + 1) * size;
	self->limit = tail + size < end ? tail + size : end;
}

static uint64_t tail_of(const struct shim_context *self)
{
	if (self->lost)
		return self->position;
	return atomic_load_explicit(&self->ring.shared->tail, memory_order_acquire);
}

static void lose(struct shim_context *self)
{
	self->lost = true;
}

static void wake_reader(struct shim_context *self)
{
	struct wire_ring *shared = self->ring.shared;
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&shared->reader_sleeps, memory_order_relaxed))
		wire_wake(&shared->head);
}

void shim_kick(struct shim_context *self)
{
	if (self->lost)
		return;
	if (self->synchronous) {
		shim_wait(self);
		return;
	}
	self->kick_at = self->position + SHIM_KICK_EVERY;
	wake_reader(self);
}

static bool reached(const struct shim_context *self, uint64_t position)
{
	return atomic_load_explicit(&self->ring.shared->tail, memory_order_acquire) >= position;
}

/* Sleeping in short turns, because a proxy that was killed wakes nobody. */
static void sleep_for(struct shim_context *self, uint64_t position)
{
	struct wire_ring *shared = self->ring.shared;
	for (unsigned turn = 0; !self->lost; turn++) {
		atomic_store_explicit(&shared->writer_wants, position, memory_order_relaxed);
		atomic_store(&shared->writer_sleeps, 1);
		const uint64_t tail = atomic_load(&shared->tail);
		if (tail >= position)
			break;
		if (atomic_load(&shared->lost)) {
			lose(self);
			break;
		}
		wire_sleep(&shared->tail, tail, turn < 4 ? 20 : 100);
		if (turn > 4 && turn % 4 == 0 && !process_alive(process_have()))
			lose(self);
		wake_reader(self);
	}
	atomic_store_explicit(&shared->writer_sleeps, 0, memory_order_relaxed);
}

static bool spin_for(struct shim_context *self, uint64_t position, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		if (reached(self, position))
			return true;
		wire_pause();
	}
	return false;
}

/* A wait that was not over at once: whether it was worth spinning. Says if it slept. */
static bool wait_long(struct shim_context *self, uint64_t position)
{
	if (spin_for(self, position, SPINS_MIN, self->spins)) {
		if (self->spins < SPINS_MAX)
			self->spins += self->spins / 4;
		return false;
	}
	if (self->spins > SPINS_MIN)
		self->spins -= self->spins / 4;
	sleep_for(self, position);
	return true;
}

/* `what` is an enum wire_wait, or 0: the answer of a call, whose opcode the reader tells. */
static bool wait_counted(struct shim_context *self, uint64_t position, unsigned what)
{
	if (self->lost)
		return false;
	wake_reader(self);
	if (spin_for(self, position, 0, SPINS_MIN))
		return true;
	const uint64_t begun = wire_now();
	const bool slept = wait_long(self, position);
	const unsigned answered =
		atomic_load_explicit(&self->ring.shared->answered, memory_order_relaxed);
	struct wire_waited *waited =
		&self->ring.counts->waited[(what ? what : answered) % WIRE_COUNTED];
	waited->waits++;
	waited->sleeps += slept;
	waited->nanoseconds += wire_now() - begun;
	return !self->lost;
}

bool shim_wait_for(struct shim_context *self, uint64_t position, enum wire_wait what)
{
	return wait_counted(self, position, what);
}

#define DELIVERED 8192u /* the answers of shim_deliver() are shorter */

/* Asking for messages has answers too: the present call's, which nobody has looked at yet, stay as
 * they are. */
static void deliver(struct shim_context *self)
{
	char answers[DELIVERED];
	memcpy(answers, self->ring.reply, sizeof(answers));
	shim_deliver(self);
	memcpy(self->ring.reply, answers, sizeof(answers));
}

uint64_t shim_wait(struct shim_context *self)
{
	if (!wait_counted(self, self->position, 0))
		return 0;
	struct wire_ring *shared = self->ring.shared;
	const uint64_t value = atomic_load_explicit(&shared->value, memory_order_relaxed);
	if (atomic_load_explicit(&shared->messages, memory_order_relaxed) && !self->delivering)
		deliver(self);
	return value;
}

/* A message that would cross the ring's end begins at its start; padding fills the rest. */
static void pad(struct shim_context *self)
{
	const uint64_t size = self->ring.ring_size;
	const uint64_t left = size - self->position % size;
	struct wire_head *head = (struct wire_head *)(self->ring.data + self->position % size);
	*head = (struct wire_head){WIRE_PADDING, (uint16_t)(left / 8)};
	self->position += left;
}

void shim_make_room(struct shim_context *self, size_t size)
{
	const uint64_t ring = self->ring.ring_size;
	behind_release(self);
	for (;;) {
		const uint64_t left = ring - self->position % ring;
		const uint64_t wanted = left < size ? left + size : size;
		const uint64_t free_end = tail_of(self) + ring;
		if (self->position + wanted <= free_end) {
			if (left < size)
				pad(self);
			set_limit(self, free_end - ring);
			return;
		}
		/* Half a ring at a time, so that the two ends do not take turns over each message.
		 */
		shim_wait_for(self, self->position + wanted - ring / 2, WIRE_WAIT_RING);
	}
}

void shim_order_slow(struct shim_context *self)
{
	context_order(self);
}

void shim_error(struct shim_context *self, GLenum error)
{
	struct wire_ckError *message = shim_put(self, WIRE_ckError, sizeof(*message));
	message->error = error;
	shim_publish(self);
}
