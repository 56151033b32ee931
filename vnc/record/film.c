#define _GNU_SOURCE
#include "vnc/record/film.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define SAID_MAX 65536
#define BEHIND_MAX_S 10.0 /* what ffmpeg may be late and still catch up */
#define PIPE_SIZE (1 << 20)
#define FRAMES_BEGUN 50 /* for files whose names are patterns */
#define ARGUMENTS 40

/* ---- ffmpeg ---- */

struct arguments {
	const char *words[ARGUMENTS];
	size_t count;
	char size[32], rate[16];
};

static void add(struct arguments *arguments, const char *const *words)
{
	for (; *words && arguments->count + 1 < ARGUMENTS; words++)
		arguments->words[arguments->count++] = *words;
}

static bool ends_with(const char *file, const char *suffix)
{
	size_t length = strlen(file), tail = strlen(suffix);
	return length >= tail && !strcasecmp(file + length - tail, suffix);
}

/* What suits a screen that must be packed while it is shown. ffmpeg knows what suits other files.
 * A file of Apple's format in fragments can be played though its end is missing. */
static void add_codec(struct arguments *arguments, const char *file)
{
	static const char *const x264[] = {"-c:v", "libx264", "-preset", "veryfast", "-crf", "18",
		"-pix_fmt", "yuv420p", NULL};
	static const char *const vp9[] = {"-c:v", "libvpx-vp9", "-deadline", "realtime",
		"-cpu-used", "8", "-crf", "24", "-b:v", "0", "-row-mt", "1", NULL};
	static const char *const fragments[] = {
		"-movflags", "frag_keyframe+empty_moov+default_base_moof", NULL};
	bool apple = ends_with(file, ".mp4") || ends_with(file, ".mov");
	if (apple || ends_with(file, ".mkv"))
		add(arguments, x264);
	if (ends_with(file, ".webm"))
		add(arguments, vp9);
	if (apple)
		add(arguments, fragments);
}

static void fill(struct arguments *arguments, const struct film *film, const char *file)
{
	snprintf(arguments->size, sizeof(arguments->size), "%dx%d", film->width, film->height);
	snprintf(arguments->rate, sizeof(arguments->rate), "%u", film->rate);
	const char *const input[] = {"ffmpeg", "-hide_banner", "-loglevel", "error", "-f",
		"rawvideo", "-pixel_format", "bgr0", "-video_size", arguments->size, "-framerate",
		arguments->rate, "-i", "pipe:0", "-n", NULL};
	const char *const output[] = {file, NULL};
	add(arguments, input);
	add_codec(arguments, file);
	add(arguments, output);
	arguments->words[arguments->count] = NULL;
}

/* In a group of its own, so that Ctrl-C ends us, and the end of its input ends it. */
static void become_ffmpeg(const char *program, const struct arguments *arguments, int in, int said)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (dup2(in, 0) < 0 || dup2(null, 1) < 0 || dup2(said, 2) < 0 || close_range(3, ~0u, 0) < 0)
		_exit(127);
	execv(program, (char **)arguments->words);
	dprintf(2, "%s: %s", program, strerror(errno));
	_exit(127);
}

static int start_ffmpeg(struct film *film, const struct film_options *options, struct err *err)
{
	struct arguments arguments = {0};
	int ends[2];
	scoped_free char *file = NULL;
	/* A name that begins with a dash, or looks like a protocol, is a file all the same. */
	if (asprintf(&file, "file:%s", options->file) < 0)
		return err_set(err, "out of memory");
	film->said = memfd_create("glckpt-ffmpeg", MFD_CLOEXEC);
	if (film->said < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "a pipe to ffmpeg");
	fill(&arguments, film, file);
	film->ffmpeg = fork();
	if (film->ffmpeg == 0)
		become_ffmpeg(options->ffmpeg, &arguments, ends[0], film->said);
	close(ends[0]);
	film->pipe = ends[1];
	fcntl(film->pipe, F_SETPIPE_SZ, PIPE_SIZE);
	return film->ffmpeg < 0 ? err_errno(err, "fork") : 0;
}

/* ---- frames ---- */

static struct timespec at(double seconds)
{
	time_t whole = (time_t)seconds;
	return (struct timespec){whole, (long)((seconds - (double)whole) * 1e9)};
}

/* Waits under the lock until the next frame is due. False: there is none any more. */
static bool await_frame(struct film *film, double *due)
{
	while (!film->ending) {
		struct timespec when = at(*due);
		if (!film->rolling) {
			pthread_cond_wait(&film->changed, &film->lock);
			*due = io_now();
		} else if (io_now() >= *due) {
			return true;
		} else {
			pthread_cond_timedwait(&film->changed, &film->lock, &when);
		}
	}
	bool last = film->last;
	film->last = false;
	return last;
}

static void skip_late(struct film *film, double *due)
{
	double behind = io_now() - *due;
	if (behind < BEHIND_MAX_S)
		return;
	film->skipped += (uint64_t)(behind * film->rate);
	*due = io_now();
}

static void *write_frames(void *data)
{
	struct film *film = data;
	double due = io_now();
	pthread_mutex_lock(&film->lock);
	while (await_frame(film, &due)) {
		memcpy(film->frame, film->picture, film->size);
		pthread_mutex_unlock(&film->lock);
		bool written = io_write_full(film->pipe, film->frame, film->size) == 0;
		pthread_mutex_lock(&film->lock);
		if (!written) {
			film->broken = true;
			break;
		}
		film->frames++;
		due += 1.0 / film->rate;
		skip_late(film, &due);
	}
	pthread_mutex_unlock(&film->lock);
	return NULL;
}

static void init_lock(struct film *film)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&film->lock, NULL);
	pthread_cond_init(&film->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

static int start_writer(struct film *film, struct err *err)
{
	if (pthread_create(&film->writer, NULL, write_frames, film) != 0)
		return err_set(err, "no thread could be started");
	film->writing = true;
	return 0;
}

int film_start(struct film *film, const struct film_options *options, struct err *err)
{
	*film = (struct film){.width = options->width & ~1,
		.height = options->height & ~1,
		.rate = options->rate,
		.file = options->file,
		.pipe = -1,
		.said = -1};
	init_lock(film);
	film->size = (size_t)film->width * (size_t)film->height * 4;
	film->picture = calloc(1, film->size);
	film->frame = calloc(1, film->size);
	if (!film->picture || !film->frame || !film->size)
		return err_set(err, "out of memory");
	if (access(options->file, F_OK) == 0)
		return err_set(err, "%s exists; a film is never overwritten", options->file);
	if (start_ffmpeg(film, options, err) < 0)
		return -1;
	return start_writer(film, err);
}

void film_lock(struct film *film)
{
	pthread_mutex_lock(&film->lock);
}

void film_unlock(struct film *film)
{
	pthread_mutex_unlock(&film->lock);
}

void film_roll(struct film *film, bool rolling)
{
	pthread_mutex_lock(&film->lock);
	film->rolling = rolling;
	pthread_cond_signal(&film->changed);
	pthread_mutex_unlock(&film->lock);
}

/* ---- the end ---- */

void film_stop(struct film *film)
{
	pthread_mutex_lock(&film->lock);
	if (!film->ending)
		film->last = film->rolling;
	film->ending = true;
	pthread_cond_signal(&film->changed);
	pthread_mutex_unlock(&film->lock);
}

bool film_begun(struct film *film)
{
	pthread_mutex_lock(&film->lock);
	bool many = film->frames > FRAMES_BEGUN;
	pthread_mutex_unlock(&film->lock);
	return many || access(film->file, F_OK) == 0;
}

bool film_broken(struct film *film)
{
	siginfo_t info = {0};
	pthread_mutex_lock(&film->lock);
	bool broken = film->broken;
	pthread_mutex_unlock(&film->lock);
	waitid(P_PID, (id_t)film->ffmpeg, &info, WEXITED | WNOHANG | WNOWAIT);
	return broken || info.si_pid == film->ffmpeg;
}

static int say_why(struct film *film, struct err *err)
{
	scoped_buf struct buf text = BUF_INIT;
	lseek(film->said, 0, SEEK_SET);
	if (io_read_all(film->said, &text, SAID_MAX, NULL) < 0 || !text.size)
		return err_set(err, "ffmpeg ended before the film");
	while (text.size && text.data[text.size - 1] == '\n')
		text.data[--text.size] = '\0';
	const char *line = text.data ? strrchr(text.data, '\n') : NULL;
	return err_set(err, "ffmpeg: %s", line ? line + 1 : text.data);
}

static int await_ffmpeg(struct film *film, struct err *err)
{
	int status;
	while (waitpid(film->ffmpeg, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, "waiting for ffmpeg");
	return status == 0 ? 0 : say_why(film, err);
}

int film_end(struct film *film, struct err *err)
{
	if (film->writing) {
		film_stop(film);
		pthread_join(film->writer, NULL);
	}
	if (film->pipe >= 0)
		close(film->pipe);
	int result = film->ffmpeg > 0 ? await_ffmpeg(film, err) : 0;
	if (film->said >= 0)
		close(film->said);
	free(film->picture);
	free(film->frame);
	return result;
}
