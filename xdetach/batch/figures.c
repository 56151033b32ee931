#include "xdetach/batch/figures.h"

#include "base/io.h"
#include "xdetach/paths.h"

#include <fcntl.h>
#include <string.h>

/* What a checkpoint of next to nothing takes. */
#define FIXED_S 0.3

/* Before anything was measured: less than any disk that a job should keep its image on. */
#define GUESSED_BYTES_A_SECOND 100e6

/* How many of the last checkpoints are asked; the middle one answers. */
#define ASKED 5

#define MARGIN_FACTOR 1.5
#define MARGIN_S 0.5

json_t *figures_load(const char *dir)
{
	scoped_free char *path = paths_format(NULL, "%s/figures.json", dir);
	json_t *figures = path ? json_load_file(path, 0, NULL) : NULL;
	if (json_is_array(figures))
		return figures;
	json_decref(figures);
	return json_array();
}

static json_t *pick(const json_t *checkpoint)
{
	static const char *const names[] = {
		"memory", "raw_bytes", "stored_bytes", "durable_s", "stop"};
	json_t *picked = json_object();
	for (size_t i = 0; i < array_len(names); i++)
		json_object_set(picked, names[i], json_object_get(checkpoint, names[i]));
	return picked;
}

int figures_add(const char *dir, const json_t *checkpoint, struct err *err)
{
	json_t *figures = figures_load(dir);
	json_array_append_new(figures, pick(checkpoint));
	while (json_array_size(figures) > FIGURES_KEPT)
		json_array_remove(figures, 0);
	scoped_free char *path = paths_format(err, "%s/figures.json", dir);
	scoped_free char *text = json_dumps(figures, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
	json_decref(figures);
	if (!path || !text)
		return err_set(err, "out of memory");
	return io_write_file(AT_FDCWD, path, text, strlen(text), 0600, err);
}

/* Memory is counted shortly before the dump, and may have grown until then. */
static double bytes_of(const json_t *checkpoint)
{
	double memory = json_number_value(json_object_get(checkpoint, "memory"));
	double dumped = json_number_value(json_object_get(checkpoint, "raw_bytes"));
	return memory > dumped ? memory : dumped;
}

/* Seconds a byte of one checkpoint, 0: it says nothing. */
static double slowness(const json_t *checkpoint)
{
	double bytes = bytes_of(checkpoint);
	double seconds = json_number_value(json_object_get(checkpoint, "durable_s"));
	return bytes > 0 && seconds > FIXED_S ? (seconds - FIXED_S) / bytes : 0;
}

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;
	return (difference > 0) - (difference < 0);
}

/* The middle one of the last checkpoints of this kind; 0: there was none. */
static double usual_slowness(const json_t *figures, bool stop, size_t *count)
{
	double found[ASKED];
	*count = 0;
	for (size_t i = json_array_size(figures); i-- > 0 && *count < ASKED;) {
		const json_t *checkpoint = json_array_get(figures, i);
		if (json_is_true(json_object_get(checkpoint, "stop")) == stop)
			found[(*count)++] = slowness(checkpoint);
	}
	if (!*count)
		return 0;
	qsort(found, *count, sizeof(found[0]), compare);
	return found[*count / 2];
}

double figures_predict(const json_t *figures, uint64_t memory, bool stop, bool *measured)
{
	size_t count;
	double a_byte = usual_slowness(figures, stop, &count);
	if (!count)
		a_byte = usual_slowness(figures, !stop, &count);
	*measured = count > 0;
	if (!count)
		a_byte = 1 / GUESSED_BYTES_A_SECOND;
	return FIXED_S + (double)memory * a_byte;
}

bool figures_suffice(double predicted_s, double grace_s)
{
	return predicted_s * MARGIN_FACTOR + MARGIN_S <= grace_s;
}
