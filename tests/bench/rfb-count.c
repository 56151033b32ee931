/*
 * rfb-count SOCKET ENCODINGS SECONDS [PID...]: a viewer (libvncclient) that counts.
 *
 * ENCODINGS as libvncclient names them: "raw", "tight zrle". After a moment for settling it counts
 * for SECONDS: the pictures of moving-x or moving-gl that arrived, by the numbers they carry,
 * updates, pixels, and the processor time that the processes PID took meanwhile. Prints JSON.
 */
#define _GNU_SOURCE
#include "base/io.h"
#include "tests/bench/moving.h"

#include <jansson.h>
#include <rfb/rfbclient.h>
#include <string.h>

#define SETTLE_S 2.5

struct counts {
	uint32_t number; /* of the picture seen last */
	int pictures, updates;
	double pixels;
};

static struct counts *counts_of(rfbClient *client)
{
	return rfbClientGetClientData(client, counts_of);
}

static uint32_t read_number(const rfbClient *client)
{
	const uint32_t *pixels = (const void *)client->frameBuffer;
	const uint32_t *row = pixels + (size_t)client->width * (MOVING_SQUARE / 2);
	uint32_t number = 0;
	for (int bit = 0; bit < MOVING_BITS; bit++) {
		uint32_t pixel = row[bit * MOVING_SQUARE + MOVING_SQUARE / 2];
		number |= (uint32_t)((pixel >> 8 & 0xff) > 127) << bit;
	}
	return number;
}

static void on_rectangle(rfbClient *client, int x, int y, int width, int height)
{
	counts_of(client)->pixels += (double)width * height;
}

static void on_update(rfbClient *client)
{
	struct counts *counts = counts_of(client);
	uint32_t number = read_number(client);
	counts->updates++;
	counts->pictures += number != counts->number;
	counts->number = number;
}

static rfbClient *enter(const char *socket, const char *encodings, struct counts *counts)
{
	rfbClient *client = rfbGetClient(8, 3, 4);
	rfbEnableClientLogging = FALSE;
	client->serverHost = strdup(socket);
	client->appData.encodingsString = encodings;
	client->appData.enableJPEG = FALSE;
	client->appData.compressLevel = 1;
	client->appData.useRemoteCursor = TRUE;
	client->GotFrameBufferUpdate = on_rectangle;
	client->FinishedFrameBufferUpdate = on_update;
	rfbClientSetClientData(client, counts_of, counts);
	return rfbInitClient(client, NULL, NULL) ? client : NULL;
}

static int watch(rfbClient *client, double seconds)
{
	const double end = io_now() + seconds;
	while (io_now() < end) {
		int there = WaitForMessage(client, 20000);
		if (there < 0 || (there > 0 && !HandleRFBServerMessage(client)))
			return -1;
	}
	return 0;
}

/* Seconds; 0 where the process is gone. */
static double processor_time(const char *pid)
{
	char path[64], text[512] = "";
	unsigned long user = 0, system = 0;
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	scoped_file FILE *file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file) || !strrchr(text, ')'))
		return 0;
	sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		&user, &system);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void print_counts(const struct counts *counts, double seconds, json_t *processors)
{
	json_t *all = json_pack("{s:f, s:i, s:i, s:f, s:o}", "seconds", seconds, "pictures",
		counts->pictures, "updates", counts->updates, "pixels", counts->pixels, "processor",
		processors);
	json_dumpf(all, stdout, 0);
	json_decref(all);
}

int main(int argc, char **argv)
{
	struct counts counts = {0};
	if (argc < 4)
		return 2;
	rfbClient *client = enter(argv[1], argv[2], &counts);
	if (!client || watch(client, SETTLE_S) < 0)
		return 1;
	double before[16] = {0};
	for (int i = 4; i < argc && i < 20; i++)
		before[i - 4] = processor_time(argv[i]);
	counts = (struct counts){.number = counts.number};
	const double begin = io_now();
	if (watch(client, atof(argv[3])) < 0)
		return 1;
	const double seconds = io_now() - begin;
	json_t *processors = json_array();
	for (int i = 4; i < argc && i < 20; i++)
		json_array_append_new(
			processors, json_real(processor_time(argv[i]) - before[i - 4]));
	print_counts(&counts, seconds, processors);
	return 0;
}
