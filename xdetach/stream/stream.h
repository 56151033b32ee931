/*
 * stream.h: the other end of criu's --stream, and the file that keeps it (IMAGE/process.img).
 *
 * criu connects to DIR/streamer-capture.sock (dump) or DIR/streamer-serve.sock (restore) and, for
 * every image file, sends a little-endian u32 length, an img_streamer_request message (field 1:
 * the file's name) and a pipe by SCM_RIGHTS; on restore it first reads a reply (length and
 * img_streamer_reply, field 1: exists). See criu/img-streamer.c and images/img-streamer.proto.
 *
 * The file is versioned and tagged: chunks (raw or zstd, each with an XXH3 checksum), an index with
 * its own checksum, a trailer. A chunk of a criu file is at most STREAM_CHUNK bytes raw.
 *
 * Capture and serve run threads of their own; one thread at a time drives an object.
 */
#ifndef XDETACH_STREAM_H
#define XDETACH_STREAM_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define STREAM_CHUNK (4u << 20)

enum stream_compression {
	STREAM_AUTO, /* zstd as far as the processors keep up with the disk, raw beyond */
	STREAM_ZSTD, /* every chunk that gets smaller */
	STREAM_RAW,
};

struct stream_capture_options {
	unsigned threads; /* 0: one a processor */
	enum stream_compression compression;
	uint64_t expected; /* bytes that will come, about: memory and disk are prepared for them */
	bool hold;         /* take them into memory first, because the application waits */
};

struct stream_stats {
	uint64_t raw_bytes;    /* what criu sent */
	uint64_t stored_bytes; /* what the file takes */
	uint32_t files;
};

struct stream_capture;

/*
 * Listens in `dir` and writes `path`, which must not exist. Owner: the caller, who destroys. With
 * `hold` it first touches memory for `expected` bytes, so that this is not done while the
 * application is frozen: tenths of a second a gibibyte, or a second where a virtual machine has to
 * fetch the memory from its host; the application is meant to run meanwhile. Without `hold` it
 * returns at once.
 */
struct stream_capture *stream_capture_create(const char *dir, const char *path,
	const struct stream_capture_options *options, struct err *err);

/* Blocks until every byte criu has sent so far is out of its pipes, in memory or on disk: only
 * then may the processes run on, because the pipes may still hold references to their pages. */
int stream_capture_settle(struct stream_capture *capture, struct err *err);

/* After criu ended well: stores the rest, the index and the trailer, and syncs the file. */
int stream_capture_finish(
	struct stream_capture *capture, struct stream_stats *stats, struct err *err);

/* 0, or -1 with what has gone wrong here so far (a full disk, nonsense from criu): to be asked when
 * criu fails, which it does soon after, because it then finds its pipes closed. Any thread. */
int stream_capture_error(struct stream_capture *capture, struct err *err);

/* Stops the threads; removes the file unless finished. Takes NULL. */
void stream_capture_destroy(struct stream_capture *capture);

struct stream_serve;

/* Listens in `dir` and answers criu from `path`. */
struct stream_serve *stream_serve_create(
	const char *dir, const char *path, unsigned threads, struct err *err);

/* Lets the caller change one small file (at most 64 MiB) on its way to criu: `edit` gets the
 * bytes in a buf and changes them there. To be set before criu starts. */
struct buf;
typedef int stream_edit_fn(struct buf *bytes, void *data, struct err *err);
void stream_serve_edit(
	struct stream_serve *serve, const char *file, stream_edit_fn *edit, void *data);

/*
 * Every chunk of the file, also of what criu does not ask for, is compared with its checksum while
 * criu reads. `passed` is called once when all are sound, in a thread of serve's: before criu has
 * all memory, so before any process opens a file or runs. Damage, or a failure of `passed`, ends
 * criu's restore. To be set before criu starts.
 */
typedef int stream_gate_fn(void *data, struct err *err);
void stream_serve_gate(struct stream_serve *serve, stream_gate_fn *passed, void *data);

/* After criu ended, well or not: 0 when no damage was found and all that criu asked for was
 * served. */
int stream_serve_finish(struct stream_serve *serve, struct err *err);
void stream_serve_destroy(struct stream_serve *serve);

/* Reads the whole file and compares every checksum, with `progress` (may be NULL) called from time
 * to time in the calling thread. Names the first criu file that is damaged. */
typedef void stream_progress_fn(uint64_t done, uint64_t total, void *data);
int stream_verify(const char *path, unsigned threads, stream_progress_fn *progress, void *data,
	struct err *err);

/* A hash of header, index and trailer, and so of every checksum in the file: what a manifest keeps
 * to tell this file from another sound one. 32 hex digits and a zero byte. */
#define STREAM_SEAL_SIZE 33
int stream_seal(const char *path, char seal[STREAM_SEAL_SIZE], struct err *err);

/* Takes one criu file out of the image into `out`; -1 with an error when it is not there. */
int stream_extract(const char *path, const char *file, struct buf *out, struct err *err);

/* Calls `each` for every criu file: its name and raw size. */
typedef void stream_list_fn(
	const char *name, uint64_t raw_bytes, uint64_t stored_bytes, void *data);
int stream_list(const char *path, stream_list_fn *each, void *data, struct err *err);

#endif
