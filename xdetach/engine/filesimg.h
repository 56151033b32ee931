/*
 * filesimg.h: criu's files.img, the list of all that the dumped processes have open, on its way
 * back to criu.
 *
 * Two magic numbers (criu's lib/py/images and criu/include/magic.h), then entries, each behind its
 * length: a file_entry of images/fdinfo.proto, of which one field says what kind of file it is.
 */
#ifndef XDETACH_FILESIMG_H
#define XDETACH_FILESIMG_H

#include "base/err.h"
#include "xdetach/engine/proto.h"

/* The fields of file_entry that are edited. */
enum {
	FILESIMG_REG = 3,      /* reg_file_entry, regfile.proto */
	FILESIMG_TIMERFD = 12, /* timerfd_entry, timerfd.proto */
};

/*
 * Writes the message of `field` to `out` anew and returns true, or returns false to have it stay as
 * it is. Bytes that make no sense set *failed.
 */
typedef bool filesimg_edit_fn(
	const struct proto_field *field, struct buf *out, void *data, bool *failed);

/* Calls `edit` for the field `number` of every entry that has it. On an error the buf is as it
 * was. */
int filesimg_edit(struct buf *files_img, uint32_t number, filesimg_edit_fn *edit, void *data,
	struct err *err);

#endif
