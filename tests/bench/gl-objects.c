/*
 * gl-objects: how long a proxy takes to write down what it holds and to build it again, beside
 *plain loops over the same textures in the same process.
 *
 *	gl-objects FOLDER KIND COUNT SIZE
 *
 * COUNT textures of SIZE x SIZE RGBA8 (KIND texture), or COUNT buffers of SIZE bytes (KIND buffer).
 * Prints a line of numbers: seconds of glGetTexImage (glGetBufferSubData) over all of them, into
 *one piece of memory, and into memory that keeps them all, as a snapshot does; of the snapshot, of
 *a second one that finds the first's contents, of making them with glTexImage2D (glBufferData), of
 * building them from the snapshot; bytes of memory that the snapshot took beyond what was there
 * before; bytes of the snapshot's files. FOLDER is to be in memory, so that no disk is
 * measured.
 */
#define _GNU_SOURCE
#include "base/io.h"
#include "glproxy/context.h"
#include "glproxy/replay.h"
#include "glproxy/snapshot.h"
#include "glproxy/snapshot_stream.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct load {
	bool textures;
	GLuint count;
	GLsizei size;
	char *pixels; /* of one, changed a little for each */
	size_t bytes;
};

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "gl-objects: %s: %s\n", what, err ? err->text : "");
	exit(1);
}

/* Neither noise nor flat: gradients with a little noise, as pictures are. */
static void paint(struct load *load)
{
	uint32_t state = 12345;
	load->bytes =
		load->textures ? (size_t)load->size * (size_t)load->size * 4 : (size_t)load->size;
	load->pixels = malloc(load->bytes + 16);
	for (size_t i = 0; load->pixels && i < load->bytes; i++) {
		state = state * 1664525 + 1013904223;
		load->pixels[i] = (char)(i % 4096 / 16 + (state >> 24 ? 0 : 1));
	}
	if (!load->pixels)
		die("out of memory", NULL);
}

static void vary(const struct load *load, GLuint i)
{
	for (size_t at = 0; at + 4 <= load->bytes; at += 4096)
		memcpy(load->pixels + at, &i, sizeof(i));
}

/* ---- the objects ---- */

static void put_one(const struct load *load, struct stream *stream, GLuint name)
{
	vary(load, name);
	if (!load->textures) {
		PUT(stream, glCreateBuffers, .n = 1,
			.buffers = stream_data(stream, &name, sizeof(name)));
		PUT(stream, glNamedBufferData, .buffer = name, .size = (GLsizeiptr)load->bytes,
			.data = stream_data(stream, load->pixels, load->bytes),
			.usage = GL_STATIC_DRAW);
		return;
	}
	PUT(stream, glGenTextures, .n = 1, .textures = stream_data(stream, &name, sizeof(name)));
	PUT(stream, glBindTexture, .target = GL_TEXTURE_2D, .texture = name);
	PUT(stream, glTexImage2D, .target = GL_TEXTURE_2D, .internalformat = GL_RGBA8,
		.width = load->size, .height = load->size, .format = GL_RGBA,
		.type = GL_UNSIGNED_BYTE, .pixels = stream_data(stream, load->pixels, load->bytes));
}

static void make_objects(const struct load *load, struct context *context)
{
	for (GLuint i = 1; i <= load->count; i++) {
		struct stream stream = {.context = context->id};
		put_one(load, &stream, i);
		replay_quietly(&context->exec, &stream);
		stream_finish(&stream);
	}
}

/* `keep`: everything stays in memory until the end. */
static double read_loop(const struct load *load, const struct context *context, bool keep)
{
	char **kept = calloc(load->count, sizeof(*kept));
	const struct driver *gl = context->exec.driver;
	struct names *const *names = context->exec.names;
	gl->PixelStorei(GL_PACK_ALIGNMENT, 1);
	const double start = io_now();
	for (GLuint i = 1; kept && i <= load->count; i++) {
		char *to = kept[i - 1] = keep ? malloc(load->bytes) : NULL;
		if (!to)
			to = load->pixels;
		if (load->textures) {
			gl->BindTexture(GL_TEXTURE_2D, names_to_driver(names[NAMES_texture], i));
			gl->GetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_UNSIGNED_BYTE, to);
		} else {
			gl->GetNamedBufferSubData(names_to_driver(names[NAMES_buffer], i), 0,
				(GLsizeiptr)load->bytes, to);
		}
	}
	const double took = io_now() - start;
	for (GLuint i = 0; kept && i < load->count; i++)
		free(kept[i]);
	free(kept);
	return took;
}

static double upload_loop(const struct load *load, const struct driver *gl)
{
	GLuint *made = calloc(load->count, sizeof(*made));
	const double start = io_now();
	for (GLuint i = 0; made && i < load->count; i++) {
		if (load->textures) {
			gl->GenTextures(1, &made[i]);
			gl->BindTexture(GL_TEXTURE_2D, made[i]);
			gl->TexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, load->size, load->size, 0,
				GL_RGBA, GL_UNSIGNED_BYTE, load->pixels);
		} else {
			gl->CreateBuffers(1, &made[i]);
			gl->NamedBufferData(
				made[i], (GLsizeiptr)load->bytes, load->pixels, GL_STATIC_DRAW);
		}
	}
	gl->Finish();
	const double took = io_now() - start;
	free(made);
	return took;
}

/* ---- measuring ---- */

static long status_kb(const char *name)
{
	scoped_buf struct buf text = BUF_INIT;
	io_read_file(AT_FDCWD, "/proc/self/status", &text, 1 << 16, NULL);
	const char *at = text.data ? strstr(text.data, name) : NULL;
	return at ? atol(at + strlen(name) + 1) : 0;
}

static void reset_peak(void)
{
	scoped_fd int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || io_write_full(fd, "5", 1))
		die("the peak of memory cannot be forgotten", NULL);
}

static uint64_t tree_bytes(const char *folder, const char *name)
{
	char command[4300];
	snprintf(command, sizeof(command), "du -sb %s/%s | cut -f1", folder, name);
	FILE *pipe = popen(command, "r");
	unsigned long long bytes = 0;
	if (pipe && fscanf(pipe, "%llu", &bytes) != 1)
		bytes = 0;
	if (pipe)
		pclose(pipe);
	return bytes;
}

static double take(struct proxy *proxy, const struct snapshot_place *place)
{
	struct err err = ERR_INIT;
	mkdir(place->directory, 0700);
	const double start = io_now();
	if (snapshot_take(proxy, place, &err))
		die("snapshot", &err);
	return io_now() - start;
}

static double build(struct proxy *proxy, const struct snapshot_place *place)
{
	struct err err = ERR_INIT;
	snapshot_forget(proxy);
	if (proxy_open_driver(proxy, &err))
		die("driver", &err);
	const double start = io_now();
	if (snapshot_build(proxy, place, &err))
		die("build", &err);
	return io_now() - start;
}

static struct context *make_context(struct proxy *proxy, const char *folder)
{
	static const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION,
		5, EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_COMPATIBILITY_PROFILE_BIT,
		EGL_NONE};
	struct err err = ERR_INIT;
	EGLint reason = 0, config = 0;
	static char files[4200];
	snprintf(files, sizeof(files), "%s/proxy", folder);
	mkdir(files, 0700);
	if (proxy_init(proxy, files, getpid(), false, &err))
		die("proxy", &err);
	proxy->let_go = proxy->replaying = true; /* no thread, nobody who asks */
	eglGetConfigAttrib(proxy->display, proxy->configs[0], EGL_CONFIG_ID, &config);
	struct context *context =
		context_create(proxy, NULL, config, EGL_OPENGL_API, attributes, &reason);
	if (!context || !context_make_current(context, NULL, NULL))
		die("no context", NULL);
	proxy->contexts[context->id] = context;
	return context;
}

static void measure(const struct load *load, const char *folder)
{
	static struct proxy proxy;
	char first[4200], second[4200];
	snprintf(first, sizeof(first), "%s/first", folder);
	snprintf(second, sizeof(second), "%s/second", folder);
	const struct snapshot_place place = {.directory = first, .name = "p1.glsnap"},
				    again = {.directory = second,
					    .name = "p1.glsnap",
					    .parent = first};
	struct context *context = make_context(&proxy, folder);
	make_objects(load, context);
	read_loop(load, context, false);
	const double read = read_loop(load, context, false);
	const double kept = read_loop(load, context, true);
	eglMakeCurrent(proxy.display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	malloc_trim(0); /* of what the loops kept */
	reset_peak();
	const long before = status_kb("VmHWM");
	const double taken = take(&proxy, &place);
	const long peak = status_kb("VmHWM") - before;
	const double taken_again = take(&proxy, &again);
	const double built = build(&proxy, &place);
	eglBindAPI(EGL_OPENGL_API);
	eglMakeCurrent(proxy.display, EGL_NO_SURFACE, EGL_NO_SURFACE, context->egl);
	const double uploaded = upload_loop(load, context->exec.driver);
	printf("%.6f %.6f %.6f %.6f %.6f %.6f %ld %llu\n", read, kept, taken, taken_again, uploaded,
		built, peak * 1024, (unsigned long long)tree_bytes(folder, "first"));
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	struct load load = {.textures = !strcmp(argv[2], "texture"),
		.count = (GLuint)atoi(argv[3]),
		.size = atoi(argv[4])};
	paint(&load);
	measure(&load, argv[1]);
	return 0;
}
