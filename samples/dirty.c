/*
 * dirty: a program that is nothing but memory, for measuring checkpoints.
 *
 *	dirty MIB [SECONDS [busy | plain | random]]
 *
 * Fills MIB mebibytes, about half of which compress well (small numbers, as in indices and
 * vertices) and half of which do not, prints "ready HASH" and waits SECONDS (none: for ever). On
 * SIGUSR1 it prints "hash HASH" of what its memory now holds. With `busy` it goes on changing the
 * first word of page after page, always in the same order, so that a memory image that was not
 * taken at one moment shows as "torn" instead of a hash. With `plain` all of it compresses well,
 *with `random` none.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { PAGE = 4096, WORDS = PAGE / 8 };

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
	asked = 1;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Runs of four pages alternate, as buffers of different kinds do in a heap. */
static bool is_plain(size_t number, const char *how)
{
	return !strcmp(how, "plain") || (strcmp(how, "random") && (number / 4) % 2);
}

static void fill_page(uint64_t *page, size_t number, bool plain, uint64_t *state)
{
	for (size_t i = 1; i < WORDS; i++)
		page[i] = plain ? (next_random(state) & 7) * 0x0000000100000001u + number
				: next_random(state);
	page[0] = 0;
}

static void fill(uint64_t *memory, size_t pages, const char *how)
{
	uint64_t state = 88172645463325252u;
	for (size_t i = 0; i < pages; i++)
		fill_page(memory + i * WORDS, i, is_plain(i, how), &state);
}

/* The first words must be one generation, then (from some page on) the one before. */
static bool is_torn(const uint64_t *memory, size_t pages)
{
	size_t steps = 0;
	for (size_t i = 1; i < pages; i++) {
		uint64_t before = memory[(i - 1) * WORDS], here = memory[i * WORDS];
		if (before == here)
			continue;
		if (before != here + 1 || ++steps > 1)
			return true;
	}
	return false;
}

static uint64_t hash_of(const uint64_t *memory, size_t pages)
{
	XXH3_state_t *state = XXH3_createState();
	XXH3_64bits_reset(state);
	for (size_t i = 0; i < pages; i++)
		XXH3_64bits_update(state, memory + i * WORDS + 1, PAGE - 8);
	uint64_t hash = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return hash;
}

static void answer(const char *word, const uint64_t *memory, size_t pages)
{
	asked = 0;
	if (is_torn(memory, pages))
		printf("torn\n");
	else
		printf("%s %016llx\n", word, (unsigned long long)hash_of(memory, pages));
	fflush(stdout);
}

static void touch_all(uint64_t *memory, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		memory[i * WORDS]++;
}

static void go_on(uint64_t *memory, size_t pages, time_t end, bool busy)
{
	while (!end || time(NULL) < end) {
		if (busy)
			touch_all(memory, pages);
		else
			usleep(20000);
		if (asked)
			answer("hash", memory, pages);
	}
}

int main(int argc, char **argv)
{
	size_t pages = argc > 1 ? strtoull(argv[1], NULL, 10) << 8 : 0;
	if (!pages) {
		fprintf(stderr, "usage: dirty MIB [SECONDS [busy | plain | random]]\n");
		return 2;
	}
	const char *how = argc > 3 ? argv[3] : "";
	long seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	uint64_t *memory = mmap(
		NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("dirty: mmap");
		return 1;
	}
	signal(SIGUSR1, on_signal);
	fill(memory, pages, how);
	answer("ready", memory, pages);
	go_on(memory, pages, seconds ? time(NULL) + seconds : 0, !strcmp(how, "busy"));
	return 0;
}
