/*
 * gate.h: the point of a restore that is passed only when the whole image is sound.
 *
 * criu reads the memory of every process before any of them opens a file or runs (its stages
 * "forking" and "restore"). So the end of one memory image is withheld until every chunk has been
 * compared with its checksum: those of that image (the largest) as criu gets them, all others
 * meanwhile, by threads of the gate. Verifying then costs a restore no time of its own.
 */
#ifndef XDETACH_STREAM_GATE_H
#define XDETACH_STREAM_GATE_H

#include "base/err.h"
#include "xdetach/stream/format.h"
#include "xdetach/stream/stream.h"

#include <stdbool.h>

struct stream_gate;

/* Index and descriptor are borrowed. Begins to verify at once. */
struct stream_gate *stream_gate_create(
	const struct stream_index *index, int fd, unsigned threads, struct err *err);

/* To be called when the gate is passed; its failure is the gate's. */
void stream_gate_set(struct stream_gate *gate, stream_gate_fn *passed, void *data);

/* The image whose end is withheld; NULL when there is no memory image. */
const struct stream_file *stream_gate_file(const struct stream_gate *gate);

/* Waits for the verification and calls what was set, once. 0 or -1, always the same. Any thread. */
int stream_gate_pass(struct stream_gate *gate, struct err *err);

/* After criu ended: waits for the verification and says what it found, without passing. */
int stream_gate_check(struct stream_gate *gate, struct err *err);

/* Stops verifying: who waits is told that it failed. Takes NULL, as does destroy. */
void stream_gate_stop(struct stream_gate *gate);
void stream_gate_destroy(struct stream_gate *gate);

#endif
