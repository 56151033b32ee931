/*
 * moving.h: what the moving pictures of the measurements have in common: each says its number in
 * its pixels, so that whoever receives it can tell which of them arrived.
 *
 * The number is a row of MOVING_BITS squares in the upper left corner, white for 1, the lowest bit
 * first.
 */
#ifndef TESTS_BENCH_MOVING_H
#define TESTS_BENCH_MOVING_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define MOVING_BITS 24
#define MOVING_SQUARE 16

static inline bool moving_bit(uint32_t number, int bit)
{
	return number >> bit & 1;
}

/* Waits until the picture after this one is due. */
static inline void moving_wait(struct timespec *due, long rate)
{
	due->tv_nsec += 1000000000L / rate;
	if (due->tv_nsec >= 1000000000L) {
		due->tv_nsec -= 1000000000L;
		due->tv_sec++;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL);
}

#endif
