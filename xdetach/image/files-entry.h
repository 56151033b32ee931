/*
 * files-entry.h: what the parts of files.h know of an entry: {"path", "size", "mtime_ns", "mode",
 * "uid", "gid", "write", "mapped", "exe", "build_id", "deleted", "kept", "xxh3"}.
 *
 * Entries come out of a manifest, so that any member may be missing or of another type: text is
 * then "", a number 0, a flag false.
 */
#ifndef XDETACH_FILES_ENTRY_H
#define XDETACH_FILES_ENTRY_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

const char *files_text(const json_t *entry, const char *key);
uint64_t files_number(const json_t *entry, const char *key);
bool files_flag(const json_t *entry, const char *key);

/* Open for writing, with a name: what is kept and put back. */
bool files_is_written(const json_t *entry);

int64_t files_mtime(const struct stat *st);

/* Opens the entry's file for reading: the descriptor of a regular file, or -1 with errno. */
int files_open(const json_t *entry, struct stat *st);

/* Opens what the image in `image_dir` keeps of the file. */
int files_open_kept(const json_t *entry, const char *image_dir, struct err *err);

/* Reads FILES_BLOCK bytes, fewer only at the end; -1 with errno. */
#define FILES_BLOCK (1 << 20)
ssize_t files_read_block(int fd, void *data, off_t at);

/* 1 when two files hold the same, 0 when not, -1 with errno. */
int files_same(int one, int other);

#endif
