/*
 * walk.h: the files of an image folder, each with its path below it, and their hashes.
 *
 * An image holds regular files and folders only; anything else is an error, no link is followed.
 */
#ifndef XDETACH_IMAGE_WALK_H
#define XDETACH_IMAGE_WALK_H

#include "base/err.h"

#include <stdint.h>
#include <sys/stat.h>

/* `path` is below the image; `fd` is the file, open for reading. -1 ends the walk. */
typedef int image_walk_fn(
	const char *path, int fd, const struct stat *st, void *data, struct err *err);

int image_walk(const char *dir, image_walk_fn *each, void *data, struct err *err);

/* Writes every folder's entries to the disk. */
int image_walk_sync(const char *dir, struct err *err);

/* XXH3 (128 bits), in hex, of a file's mebibytes that are not all zero, each behind its offset. */
#define IMAGE_HASH_SIZE 33
int image_hash(int fd, char hash[IMAGE_HASH_SIZE], struct err *err);

/* XXH3 of bytes in memory. */
void image_hash_bytes(const void *data, size_t size, char hash[IMAGE_HASH_SIZE]);

#endif
