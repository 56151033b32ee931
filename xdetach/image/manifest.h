/*
 * manifest.h: manifest.json, a JSON object whose last member is a checksum of the bytes
 * before it, so that a change of any byte of the file is found.
 */
#ifndef XDETACH_IMAGE_MANIFEST_H
#define XDETACH_IMAGE_MANIFEST_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

#define IMAGE_MANIFEST "manifest.json"
#define IMAGE_STREAM "process.img"
/* Says that a .part folder is ours; no part, in the instant in which an image may still have it. */
#define IMAGE_MARKER ".glckpt-part"
#define IMAGE_FORMAT "glckpt-image"

int image_manifest_format(const json_t *manifest, struct buf *text, struct err *err);

/* A new reference, or NULL. */
json_t *image_manifest_parse(const struct buf *text, struct err *err);

#endif
