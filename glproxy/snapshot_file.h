/*
 * snapshot_file.h: a snapshot as it is written and read: record by record, so that never more of
 * it is in memory than one record and the object it speaks of.
 *
 * Where it is, is a place: a buf of this process (for chaos, live.h), or a folder with a file
 *
 *	DIRECTORY/NAME		head (magic, version, the client's PID), then zstd over records
 *	DIRECTORY/contents/	large pieces of data (contents.h), shared by the snapshots there
 *
 * The last record is ENDS with a checksum of all before it. A reader that has seen it knows that
 * the snapshot is whole; before, nothing it read may be relied on. Unknown tags are skipped, an
 * unknown version is refused with a sentence.
 *
 * Both ends fail once and stay failed, with the first sentence in `err`.
 */
#ifndef GLPROXY_SNAPSHOT_FILE_H
#define GLPROXY_SNAPSHOT_FILE_H

#include "glproxy/contents.h"
#include "glproxy/snapshot_record.h"

struct snapshot_place {
	struct buf *memory; /* or, where that is NULL: */
	const char *directory;
	const char *name;
	const char *parent; /* folder of an earlier snapshot, or NULL; only for writing */
	bool hashes;        /* only for writing: of large pieces the hashes alone, for comparing */
};

struct snapshot_out {
	struct buf record; /* being built: snapshot_record.h */
	struct buf *memory;
	int fd;
	bool has_contents;
	struct contents contents;
	void *compressor;
	void *sum;
	struct err *err;
	bool failed;
};

/* Starts a snapshot; the file must not be there. 0 or -1; to be finished in any case. */
int snapshot_out_open(
	struct snapshot_out *out, const struct snapshot_place *place, int32_t pid, struct err *err);

/* Writes the records that were built. */
void snapshot_out_flush(struct snapshot_out *out);

/* Writes the end; 0 or -1. */
int snapshot_out_end(struct snapshot_out *out);
void snapshot_out_finish(struct snapshot_out *out);

struct snapshot_in {
	struct span left; /* memory */
	int fd;
	bool has_contents;
	struct contents contents;
	void *expander;
	char *piece; /* compressed bytes, read ahead */
	size_t piece_at, piece_size;
	void *sum;
	struct buf record; /* the content of the present one */
	int32_t pid;
	bool ended;
	struct err *err;
	bool failed;
};

/* Reads the head: the PID. 0 or -1; to be finished in any case. */
int snapshot_in_open(struct snapshot_in *in, const struct snapshot_place *place, struct err *err);

/* The next record, valid until the one after. False at the end, whole, or with in->failed. */
bool snapshot_in_next(struct snapshot_in *in, uint32_t *tag, struct span *content);
void snapshot_in_finish(struct snapshot_in *in);

#endif
