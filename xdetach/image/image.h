/*
 * image.h: a checkpoint as a directory.
 *
 *	IMAGE/manifest.json   what it is; written last, with its own checksum
 *	      process.img     stream.h
 *	      screen.png      what the private X server showed
 *	      files/          files.h
 *	      log/            what the engine said
 *
 * A writer builds IMAGE.part-XXXXXX beside the target and publishes it by one rename; until then
 * the target does not exist, so that an image is there completely or not at all. A crash leaves a
 * .part folder that the next writer into the same folder removes (part.h).
 * Images are 0700. One thread at a time.
 */
#ifndef XDETACH_IMAGE_H
#define XDETACH_IMAGE_H

#include "base/err.h"
#include "xdetach/stream/stream.h"

#include <jansson.h>

#define IMAGE_VERSION 1

struct image_writer;

/* `path` must not exist; its folder must. */
struct image_writer *image_writer_create(const char *path, struct err *err);

/* The folder being built: an absolute path, valid until destroy. */
const char *image_writer_dir(const struct image_writer *writer);

/* To be asked right before the image appears; -1 keeps it from appearing. */
typedef int image_guard_fn(void *data, struct err *err);
void image_writer_guard(struct image_writer *writer, image_guard_fn *guard, void *data);

/* Hashes every part, adds {"format", "version", "id", "created", "parts"} to `manifest` (borrowed,
 * changed), writes it, syncs all and renames. */
int image_writer_publish(struct image_writer *writer, json_t *manifest, struct err *err);

/* Removes what was not published. Takes NULL. */
void image_writer_destroy(struct image_writer *writer);

struct image {
	char *path;       /* absolute */
	json_t *manifest; /* owned */
};

/* Reads and checks the manifest: its checksum, format and version. A newer version is refused with
 * a sentence that names both versions. */
int image_open(struct image *image, const char *path, struct err *err);
void image_close(struct image *image);

/* Compares every part with the manifest and every chunk with its checksum; parts missing, cut,
 * changed or added are named. `progress` may be NULL. */
int image_verify(
	const struct image *image, stream_progress_fn *progress, void *data, struct err *err);

/* As image_verify(), but of process.img only what says where its chunks are and what they should
 * be: for a restore, where stream_serve_gate() sees to the chunks. */
int image_verify_frame(
	const struct image *image, stream_progress_fn *progress, void *data, struct err *err);

/* Bytes on disk. */
uint64_t image_bytes(const struct image *image);

#endif
