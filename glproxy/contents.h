/*
 * contents.h: pieces of data that many snapshots have in common, each a file named by its hash.
 *
 * DIRECTORY/contents/HASH holds a head (magic, version, size) and the bytes, compressed by zstd, by
 * all processors where they are many. A piece that the folder of an earlier snapshot (`parent`) has
 * is linked from there, or copied as it is where links do not reach: so the earlier folder may be
 * removed at any time. What is there already is not written again.
 *
 * The hash is XXH3 of 128 bits over the bytes as they are before compression. Reading compares
 * size and hash: a piece that was changed is refused by its name. One thread at a time.
 */
#ifndef GLPROXY_CONTENTS_H
#define GLPROXY_CONTENTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define CONTENTS_DIR "contents"
#define CONTENTS_MIN ((size_t)64 << 10) /* smaller pieces stay in the snapshot itself */
#define CONTENTS_NAME 33

struct content_hash {
	uint8_t bytes[16];
};

struct contents {
	int here;
	int parent;        /* -1: none */
	bool hashes;       /* nothing is written: for comparing */
	void *compressor;  /* made when first needed */
	uint64_t written;  /* bytes of files that this one has made */
	uint64_t borrowed; /* ... and that were there or in the parent */
};

/* `parent` may be NULL, and may be gone. `make`: the folder is made, if it is not there. */
int contents_open(struct contents *contents, const char *directory, const char *parent, bool make,
	struct err *err);
void contents_close(struct contents *contents);

int contents_put(struct contents *contents, const void *data, size_t size,
	struct content_hash *hash, struct err *err);

/* Fills `to`, of exactly `size` bytes. */
int contents_get(struct contents *contents, const struct content_hash *hash, void *to, size_t size,
	struct err *err);

void contents_name(const struct content_hash *hash, char name[CONTENTS_NAME]);

#endif
