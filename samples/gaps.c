/*
 * gaps: notes when it did not run, as the programs beside it in a session see their pauses.
 *
 *	gaps FILE [MILLISECONDS]
 *
 * Looks at the wall clock a thousand times a second. Whenever more than MILLISECONDS (default 15)
 * passed between two looks, a line "BEGIN END" (seconds since 1970) is appended to FILE, which is
 * open only for that moment, so that a checkpoint finds no open file that grows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double wall_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static int note(const char *path, double begin, double end)
{
	FILE *file = fopen(path, "ae");
	if (!file) {
		perror(path);
		return -1;
	}
	fprintf(file, "%.6f %.6f\n", begin, end);
	return fclose(file);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: gaps FILE [MILLISECONDS]\n");
		return 2;
	}
	double longest = (argc > 2 ? atof(argv[2]) : 15) / 1000;
	double last = wall_clock();
	if (note(argv[1], last, last) != 0) /* "it has begun" */
		return 1;
	for (;;) {
		nanosleep(&(struct timespec){0, 1000000}, NULL);
		double now = wall_clock();
		if (now - last > longest && note(argv[1], last, now) != 0)
			return 1;
		last = now;
	}
}
