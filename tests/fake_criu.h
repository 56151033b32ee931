/*
 * fake_criu.h: a made-up criu that speaks the streamer's protocol, for tests of the image store:
 * what it dumps, and what it must get back. Each test has a folder of its own.
 *
 * All of it asserts: for the test's thread, or one that the test joins.
 */
#ifndef TESTS_FAKE_CRIU_H
#define TESTS_FAKE_CRIU_H

#include "base/buf.h"
#include "xdetach/stream/stream.h"

#include <stdbool.h>
#include <stddef.h>

#define MIB (1u << 20)

/* ---- the test's folder ---- */

extern char fake_folder[64];
extern char fake_image[80]; /* a path in it, where the image is written */

/* cmocka's set-up and tear-down; the latter also counts this process's descriptors. */
int fake_set_up(void **state);
int fake_tear_down(void **state);
#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, fake_set_up, fake_tear_down)

/* ---- what the files hold ---- */

struct fake_sample {
	const char *name;
	size_t size;
};

enum { FAKE_SAMPLES = 8, FAKE_LARGEST = FAKE_SAMPLES - 1 /* pages-1.img, the process's memory */ };
extern const struct fake_sample fake_samples[FAKE_SAMPLES];

/* Stretches that do not compress, that do, and zeros. */
void fake_fill(char *data, size_t size, unsigned seed);

/* What a sample's file holds. Owner: the caller. */
char *fake_contents(size_t which);

/* ---- the conversation ---- */

/* Connects to the socket of this name in the folder. Owner of the descriptor: the caller. */
int fake_connect(const char *name);
void fake_send_name(int sock, const char *name);
void fake_send_descriptor(int sock, int fd);

/* ---- a dump ---- */

struct stream_capture *fake_begin_capture(
	enum stream_compression compression, bool hold, uint64_t expected);

/* Our end of the pipe of a new file. With `dump` false: the other end. Owner: the caller. */
int fake_open_dumped(int sock, const char *name, bool dump);
void fake_dump_sample(int sock, size_t which);

/* All samples and a pagemap; `stats` may be NULL. */
void fake_make_image(enum stream_compression compression, bool hold, struct stream_stats *stats);

/* A few small files, for tests that look at every byte. */
void fake_make_small_image(void);

/* The bytes of the image's file. */
void fake_read_image(struct buf *bytes);
void fake_write_image(const void *data, size_t size);

/* ---- what comes back ---- */

void fake_expect_extracted(size_t which);

/* Counts what stream_list() tells; `data` is one of these, zeroed at first. */
struct fake_listed {
	size_t files;
	uint64_t raw;
};
void fake_count_file(const char *name, uint64_t raw, uint64_t stored, void *data);

struct stream_serve *fake_begin_serving(void);
void fake_read_reply(int sock, bool exists);

/* The reading end of a served file. Owner: the caller. */
int fake_open_served(int sock, const char *name);
void fake_expect_served(int sock, size_t which);

/* After all went well. */
void fake_end_serving(struct stream_serve *serve);

#endif
