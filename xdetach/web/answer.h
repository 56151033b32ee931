/*
 * answer.h: what goes back to a browser.
 *
 * An answer is a response and its status; whoever queues it drops it. Every answer forbids what the
 * page does not need: foreign scripts, frames, guesses at types, referrers, caches.
 */
#ifndef XDETACH_WEB_ANSWER_H
#define XDETACH_WEB_ANSWER_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <microhttpd.h>

struct answer {
	unsigned status;
	struct MHD_Response *response; /* NULL: no memory */
};

/* Takes the value over. */
struct answer answer_json(unsigned status, json_t *value);

/* {"error": SENTENCE} */
struct answer answer_error(unsigned status, const char *sentence);

/* Takes the bytes over. */
struct answer answer_bytes(const char *type, struct buf *bytes);

/* A file below a folder, of a type that the page needs; no link leads out. Else 404. */
struct answer answer_file(const char *folder, const char *path);

void answer_header(struct answer *answer, const char *name, const char *value);

/* Sends it. */
enum MHD_Result answer_queue(struct MHD_Connection *connection, struct answer *answer);

#endif
