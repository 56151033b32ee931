/*
 * figures.h: what earlier checkpoints of a job took, and what the next one will take.
 *
 *	DIR/figures.json     the last FIGURES_KEPT checkpoints: memory, bytes, seconds until durable
 *	STATE/figures.json   the same of all of a user's jobs, for those that have none yet
 *
 * A checkpoint takes a fixed time and a time for every byte that the processes hold; how long a
 * byte takes depends on the program (how well its memory compresses), the processors and the
 * folder's file system, so it is taken from the checkpoints that were made there.
 */
#ifndef XDETACH_FIGURES_H
#define XDETACH_FIGURES_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FIGURES_KEPT 8

/* Appends the figures of one checkpoint: {"memory", "raw_bytes", "stored_bytes", "durable_s",
 * "stop"}; other members are left out. */
int figures_add(const char *dir, const json_t *checkpoint, struct err *err);

/* The list that figures_add() has made, newest last: a new reference, empty where there is none. */
json_t *figures_load(const char *dir);

/* Seconds until a checkpoint (that ends the session: `stop`) of so many bytes of memory is durable;
 * `measured` is false when nothing was measured yet and the answer is a cautious guess. */
double figures_predict(const json_t *figures, uint64_t memory, bool stop, bool *measured);

/* Is `grace_s` enough for what was predicted, with a margin for what no one knows? */
bool figures_suffice(double predicted_s, double grace_s);

#endif
