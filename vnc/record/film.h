/*
 * film.h: pictures at a constant rate into a file, by ffmpeg.
 *
 * A thread writes the picture as it then is to ffmpeg's standard input, so many times a second of
 * film. While the film does not roll no frame is written and its time stands still. An ffmpeg that
 * is slow or hangs holds up that thread only; what it says when it fails becomes the error. It ends
 * by itself, with a whole file, when we do, however we do.
 *
 * The picture belongs to the main thread between film_lock() and film_unlock().
 */
#ifndef VNC_RECORD_FILM_H
#define VNC_RECORD_FILM_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct film {
	int width, height; /* even numbers */
	unsigned rate;     /* frames a second */
	const char *file;  /* borrowed */
	size_t size;       /* of a picture: rows of blue, green, red and one that means nothing */
	uint8_t *picture, *frame;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t writer;
	bool writing;             /* the thread was started */
	bool last;                /* one more frame is to be written */
	bool rolling, ending;     /* as the main thread wants it */
	bool broken;              /* ffmpeg takes no more */
	uint64_t frames, skipped; /* written; and left out because ffmpeg was too slow */
	int pipe, said;
	pid_t ffmpeg;
};

/* `ffmpeg`: its path; `file` must not exist. An odd size loses a row or a column. */
struct film_options {
	const char *ffmpeg, *file;
	int width, height;
	unsigned rate;
};

int film_start(struct film *film, const struct film_options *options, struct err *err);

void film_lock(struct film *film);
void film_unlock(struct film *film);

void film_roll(struct film *film, bool rolling);

/* True once ffmpeg writes the file. */
bool film_begun(struct film *film);

/* True where ffmpeg has ended, or takes no more. */
bool film_broken(struct film *film);

/* While it rolls: one more frame, with the picture as it is, and none thereafter. Does not wait. */
void film_stop(struct film *film);

/* Ends the file. -1: it is not whole; the error is what ffmpeg said. */
int film_end(struct film *film, struct err *err);

#endif
