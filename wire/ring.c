#include "wire/ring.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

size_t wire_ring_bytes(void)
{
	return (size_t)WIRE_RING_AT + WIRE_RING_SIZE + WIRE_ARENA_SIZE + sizeof(struct wire_counts);
}

static void place(struct wire_mapping *mapping, void *memory)
{
	mapping->shared = memory;
	mapping->reply = (char *)memory + WIRE_REPLY_AT;
	mapping->data = (char *)memory + WIRE_RING_AT;
	mapping->arena = mapping->data + WIRE_RING_SIZE;
	mapping->counts = (struct wire_counts *)(void *)(mapping->arena + WIRE_ARENA_SIZE);
	mapping->ring_size = WIRE_RING_SIZE;
	mapping->arena_size = WIRE_ARENA_SIZE;
	mapping->mapped = wire_ring_bytes();
}

void wire_ring_format(struct wire_mapping *mapping, void *memory)
{
	place(mapping, memory);
	mapping->shared->version = WIRE_VERSION;
	mapping->shared->ring_size = WIRE_RING_SIZE;
	mapping->shared->arena_size = WIRE_ARENA_SIZE;
	mapping->shared->magic = WIRE_MAGIC;
}

bool wire_ring_adopt(struct wire_mapping *mapping, void *memory, size_t size)
{
	const struct wire_ring *shared = memory;
	if (size != wire_ring_bytes() || shared->magic != WIRE_MAGIC ||
		shared->version != WIRE_VERSION || shared->ring_size != WIRE_RING_SIZE ||
		shared->arena_size != WIRE_ARENA_SIZE)
		return false;
	place(mapping, memory);
	return true;
}

/* A futex is 32 bits; the low half of a position changes with every message. */
static long futex(
	const _Atomic uint64_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, (const uint32_t *)(const void *)word, operation, value, timeout,
		NULL, 0);
}

void wire_sleep(const _Atomic uint64_t *word, uint64_t seen, unsigned milliseconds)
{
	const int number = errno;
	const struct timespec timeout = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
	futex(word, FUTEX_WAIT, (uint32_t)seen, &timeout);
	errno = number;
}

void wire_wake(const _Atomic uint64_t *word)
{
	const int number = errno;
	futex(word, FUTEX_WAKE, 1, NULL);
	errno = number;
}

uint64_t wire_now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
