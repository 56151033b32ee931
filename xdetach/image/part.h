/*
 * part.h: an image that is being written, and what is left of one whose writer was killed.
 *
 *	IMAGE.part-XXXXXX/.glckpt-part   whose it is: {"host", "place" (place.h)}
 *
 * The writer holds a lock (flock) on the folder as long as it lives. Where several hosts see the
 * folder each may keep such locks to itself, as clients of NFS do: there a lock that can be had
 * proves nothing about another host's writer, nor about one of an earlier boot.
 */
#ifndef XDETACH_IMAGE_PART_H
#define XDETACH_IMAGE_PART_H

#include "base/err.h"

/* Makes the folder for `target`, an absolute path, beside it: its path, a heap string, in `part`.
 * Returns its descriptor, whose lock lasts until it is closed, or -1. */
int image_part_make(const char *target, char **part, struct err *err);

/* Removes the parts in `folder` whose writers are known to be dead: nobody holds the lock, and it
 * is a lock that everybody would see, or one of this boot of this host. */
int image_part_sweep(const char *folder, struct err *err);

/* Removes other hosts' parts, too: for who holds the job whose folder this is (lease.h), so that
 * nothing that is being written there can become an image any more. */
int image_part_sweep_job(const char *folder, struct err *err);

#endif
