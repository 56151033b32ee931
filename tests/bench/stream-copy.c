/*
 * stream-copy: the image store driven by plain criu, for measuring it alone.
 *
 *	stream-copy capture DIR FILE [auto|zstd|raw] [EXPECTED_MIB] [hold]
 *	stream-copy serve DIR FILE
 *	stream-copy verify FILE
 *	stream-copy list FILE
 *
 * Prints "ready" once criu may start. `capture` ends after criu has closed its stream and prints
 * when, since then, the file was durable; `serve` ends when its standard input ends.
 */
#include "base/io.h"
#include "xdetach/stream/stream.h"

#include <inttypes.h>
#include <string.h>

static int complain(const struct err *err)
{
	fprintf(stderr, "stream-copy: %s\n", err->text);
	return 1;
}

static void say_ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

static void wait_for_end_of_input(void)
{
	char byte;
	while (read(0, &byte, 1) > 0)
		continue;
}

static enum stream_compression compression_of(const char *name)
{
	if (name && !strcmp(name, "zstd"))
		return STREAM_ZSTD;
	return name && !strcmp(name, "raw") ? STREAM_RAW : STREAM_AUTO;
}

/* Standard input ends when criu has ended, as the supervisor would learn it. */
static int finish_capture(struct stream_capture *capture, struct err *err)
{
	struct stream_stats stats;
	wait_for_end_of_input();
	double begin = io_now();
	if (stream_capture_settle(capture, err) < 0 ||
		stream_capture_finish(capture, &stats, err) < 0)
		return -1;
	printf("durable %.3f s later: %" PRIu32 " files, %" PRIu64 " MiB, stored in %" PRIu64
	       " MiB\n",
		io_now() - begin, stats.files, stats.raw_bytes >> 20, stats.stored_bytes >> 20);
	return 0;
}

static int do_capture(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct stream_capture_options options = {
		.compression = compression_of(argc > 4 ? argv[4] : NULL),
		.expected = argc > 5 ? strtoull(argv[5], NULL, 10) << 20 : 0,
		.hold = argc > 6,
	};
	double begin = io_now();
	struct stream_capture *capture = stream_capture_create(argv[2], argv[3], &options, &err);
	if (!capture)
		return complain(&err);
	printf("prepared in %.3f s\n", io_now() - begin);
	say_ready();
	int result = finish_capture(capture, &err);
	stream_capture_destroy(capture);
	return result < 0 ? complain(&err) : 0;
}

static int do_serve(char **argv)
{
	struct err err = ERR_INIT;
	struct stream_serve *serve = stream_serve_create(argv[2], argv[3], 0, &err);
	if (!serve)
		return complain(&err);
	say_ready();
	wait_for_end_of_input();
	int result = stream_serve_finish(serve, &err);
	stream_serve_destroy(serve);
	return result < 0 ? complain(&err) : 0;
}

static int do_verify(const char *path)
{
	struct err err = ERR_INIT;
	double begin = io_now();
	if (stream_verify(path, 0, NULL, NULL, &err) < 0)
		return complain(&err);
	printf("verified in %.3f s\n", io_now() - begin);
	return 0;
}

static void print_file(const char *name, uint64_t raw, uint64_t stored, void *data)
{
	printf("%12" PRIu64 " %12" PRIu64 " %s\n", raw, stored, name);
}

static int do_list(const char *path)
{
	struct err err = ERR_INIT;
	return stream_list(path, print_file, NULL, &err) < 0 ? complain(&err) : 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "capture"))
		return do_capture(argc, argv);
	if (argc > 3 && !strcmp(argv[1], "serve"))
		return do_serve(argv);
	if (argc > 2 && !strcmp(argv[1], "verify"))
		return do_verify(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "list"))
		return do_list(argv[2]);
	fprintf(stderr, "usage: stream-copy capture|serve|verify|list ...\n");
	return 2;
}
