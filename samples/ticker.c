/*
 * ticker: numbered lines at a steady rate, for watching that none is lost or doubled.
 *
 *	ticker [LINES-A-SECOND [COUNT [EXIT-STATUS]]]
 *
 * Each line, "tick N ........", leaves in one write(2). The number lives in memory only, so a
 * restored ticker goes on with the line after the last one it wrote. A line is longer than its
 * number so that a cut one shows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int write_line(unsigned long number)
{
	char line[128];
	int length = snprintf(line, sizeof(line), "tick %lu ................\n", number);
	for (int done = 0; done < length;) {
		ssize_t wrote = write(STDOUT_FILENO, line + done, length - done);
		if (wrote < 0)
			return -1;
		done += wrote;
	}
	return 0;
}

static void pause_for(double seconds)
{
	struct timespec rest = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
	while (nanosleep(&rest, &rest) != 0)
		continue;
}

int main(int argc, char **argv)
{
	double rate = argc > 1 ? atof(argv[1]) : 10;
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	int status = argc > 3 ? atoi(argv[3]) : 0;
	for (unsigned long number = 1; count == 0 || number <= count; number++) {
		if (write_line(number) != 0) {
			perror("ticker: write");
			return 1;
		}
		pause_for(1 / rate);
	}
	return status;
}
