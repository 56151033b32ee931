/*
 * feedback.h: transform feedback that is under way, and how much was captured (OpenGL 4.6, 13.3).
 *
 * A driver tells neither how many vertices an object has captured, which is what
 * glDrawTransformFeedback draws, nor lets a capture go on where another left off. The first is
 * found out by drawing them, and made again by capturing as many into a buffer of our own. For the
 * second the capture is ended, and begun anew with buffers that begin where the next vertex
 * belongs; the program's ranges come back with its glEndTransformFeedback, and until then a program
 * that asks for them is told ours.
 *
 * Not in ES, which cannot draw what was captured. In the context's thread, with it current.
 */
#ifndef GLPROXY_FEEDBACK_H
#define GLPROXY_FEEDBACK_H

#include "glproxy/snapshot_stream.h"

struct feedbacks;

/* NULL without memory. */
struct feedbacks *feedbacks_create(void);
void feedbacks_destroy(struct feedbacks *feedbacks);
void feedbacks_clear(struct feedbacks *feedbacks);

/* A snapshot's walk over a context: first, so that all else finds no capture under way, and what
 * was captured is written; last, so that it goes on, here and in the stream. */
void take_feedback_pause(struct take *t);
void take_feedback_resume(struct take *t);

#endif
