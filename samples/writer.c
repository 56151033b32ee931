/*
 * writer: one file in append mode and one that is written over, for watching them be rewound.
 *
 *	writer DIR [STEPS-A-SECOND [COUNT]]
 *
 * DIR/append.log gets a line a step. DIR/table.bin is a table of records written over in place,
 * which grows and is cut again; before each step the whole of both files is read and compared with
 * what memory says must be there. A difference is named and ends the program with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECORDS 4096 /* of the table at its longest */

struct writer {
	int log, table;
	off_t log_bytes;
	size_t records; /* now in the table */
	uint64_t expected[RECORDS];
};

static uint64_t mix(uint64_t value)
{
	value ^= value >> 31;
	value *= 0x9e3779b97f4a7c15u;
	return value ^ value >> 29;
}

static uint64_t hash_of(const uint64_t *values, size_t count)
{
	uint64_t hash = count;
	for (size_t i = 0; i < count; i++)
		hash = mix(hash ^ values[i]);
	return hash;
}

static int open_in(const char *dir, const char *name, int flags)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, flags | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		fprintf(stderr, "writer: %s: %s\n", path, strerror(errno));
	return fd;
}

static int differs(const char *what, long long found, long long wanted)
{
	printf("writer: %s is %lld instead of %lld\n", what, found, wanted);
	return -1;
}

static int check_log(const struct writer *writer)
{
	struct stat log;
	fstat(writer->log, &log);
	return log.st_size == writer->log_bytes
		? 0
		: differs("the size of append.log", log.st_size, writer->log_bytes);
}

static int check_table(const struct writer *writer)
{
	static uint64_t found[RECORDS + 1];
	ssize_t bytes = pread(writer->table, found, sizeof(found), 0);
	if (bytes != (ssize_t)(writer->records * sizeof(found[0])))
		return differs("the size of table.bin", bytes, writer->records * sizeof(found[0]));
	for (size_t i = 0; i < writer->records; i++) {
		if (found[i] != writer->expected[i])
			return differs("a record of table.bin", found[i], writer->expected[i]);
	}
	return 0;
}

static int append_line(struct writer *writer, uint64_t step)
{
	char line[96];
	int length =
		snprintf(line, sizeof(line), "step %llu table %016llx\n", (unsigned long long)step,
			(unsigned long long)hash_of(writer->expected, writer->records));
	writer->log_bytes += length;
	return write(writer->log, line, length) == length ? 0 : -1;
}

/* Writes over a few records, and lets the table grow for 64 steps and shrink for 64. */
static int change_table(struct writer *writer, uint64_t step)
{
	size_t phase = step % 128;
	writer->records = (phase < 64 ? phase + 1 : 128 - phase) * (RECORDS / 64);
	for (size_t i = 0; i < writer->records; i++) {
		if (mix(step + i) % 16 == 0 || writer->expected[i] == 0)
			writer->expected[i] = mix(step * RECORDS + i) | 1;
	}
	size_t bytes = writer->records * sizeof(writer->expected[0]);
	if (pwrite(writer->table, writer->expected, bytes, 0) != (ssize_t)bytes)
		return -1;
	return ftruncate(writer->table, bytes);
}

static int write_step(struct writer *writer, uint64_t step)
{
	if (check_log(writer) || check_table(writer))
		return -1;
	return change_table(writer, step) || append_line(writer, step);
}

static void pause_for(double seconds)
{
	struct timespec rest = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
	nanosleep(&rest, NULL);
}

int main(int argc, char **argv)
{
	static struct writer writer;
	if (argc < 2) {
		fprintf(stderr, "usage: writer DIR [STEPS-A-SECOND [COUNT]]\n");
		return 2;
	}
	double rate = argc > 2 ? atof(argv[2]) : 20;
	uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	writer.log = open_in(argv[1], "append.log", O_WRONLY | O_APPEND);
	writer.table = open_in(argv[1], "table.bin", O_RDWR);
	if (writer.log < 0 || writer.table < 0)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (uint64_t step = 1; count == 0 || step <= count; step++) {
		if (write_step(&writer, step) != 0)
			return 1;
		printf("writer %llu ok %016llx\n", (unsigned long long)step,
			(unsigned long long)hash_of(writer.expected, writer.records));
		pause_for(1 / rate);
	}
	return 0;
}
