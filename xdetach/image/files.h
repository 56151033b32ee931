/*
 * files.h: the files of the host that a session's processes have open or mapped.
 *
 * CRIU keeps no file of the host. Two things are needed for a program to find its files as it left
 * them: those open for writing are kept with the image and put back (rewound) before a restore, so
 * that a line or a frame is never written twice; all others (executables, libraries, fonts, input
 * files) must be the same, and are compared before a restore touches anything.
 *
 * The private /dev/shm of a session is no file of the host: it is kept and put back as a whole
 * (files_keep_tree, files_put_back_tree), with names, modes, holes and contents.
 */
#ifndef XDETACH_FILES_H
#define XDETACH_FILES_H

#include "base/err.h"

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

enum files_policy {
	FILES_REWIND, /* put the kept contents back */
	FILES_KEEP,   /* leave the file as it is now */
	FILES_REFUSE, /* refuse the restore when it differs */
};

/* "rewind", "keep", "refuse". -1 when it is none of them. */
int files_policy_parse(const char *name, enum files_policy *policy);

/*
 * Looks at every process in `pids` (as numbered in the /proc that is mounted) and returns the array
 * of its regular files, each once: {"path", "size", "mtime_ns", "mode", "write": bool,
 * "mapped": bool, "build_id": hex (ELF), "deleted": bool}. Files below `private_dir` (the session's
 * /dev/shm) and those without a name (memfd, SysV) are left out. Fast enough to run while the
 * processes are frozen: nothing is read but ELF headers.
 */
json_t *files_scan(const pid_t *pids, size_t count, const char *private_dir, struct err *err);

/* While the processes are frozen: copies every file open for writing to DIR/files/N (sharing
 * extents where the file system can) and notes "kept": "files/N" in its entry. */
int files_keep(json_t *files, const char *dir, struct err *err);

/* After the processes run again: adds "xxh3" to those files not open for writing that a size and a
 * time do not tell apart well enough (mapped or open data files; not ELF, not over 64 MiB). */
int files_hash(json_t *files, struct err *err);

/*
 * Before a restore: compares the host's files with the entries. Missing or changed executables,
 * libraries and input files are named with what to do; files open for writing are judged by
 * `policy`. `image_dir` is where "kept" contents lie. Changes nothing.
 */
int files_check(
	const json_t *files, const char *image_dir, enum files_policy policy, struct err *err);

/* Puts kept contents back (policy rewind): makes missing folders, recreates a missing file, else
 * writes only where size or content differ, keeping the inode. A failure leaves the others be. */
int files_put_back(
	const json_t *files, const char *image_dir, enum files_policy policy, struct err *err);

/* The whole of a folder tree (regular files, folders, links, FIFOs), as DIR/NAME in the image and
 * back. `limit` bytes at most. What is below `without`, a path in the tree, stays out; NULL:
 * nothing. */
int files_keep_tree(const char *tree, const char *dir, const char *name, const char *without,
	uint64_t limit, struct err *err);
int files_put_back_tree(const char *dir, const char *name, const char *tree, struct err *err);

/* Makes criu accept a file whose size changed (policy keep): removes the size, build-ID and
 * checksum fields of the entries named in `paths` (array of strings) from a files.img, as defined
 * by criu's images/regfile.proto and images/fdinfo.proto. */
struct buf;
int files_edit_criu(struct buf *files_img, const json_t *paths, struct err *err);

#endif
