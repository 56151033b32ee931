#include "xdetach/batch/figures.h"

#include "base/io.h"
#include "xdetach/paths.h"

#include <fcntl.h>
#include <string.h>

/* What a checkpoint of next to nothing takes. */
#define FIXED_S 0.2

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

/* What so many bytes would have taken where this checkpoint was made; 0: it says nothing. As much
 * of it as is fixed does not grow with the bytes: half of it at most, for some are quicker than
 * that. */
static double scale(const json_t *checkpoint, uint64_t memory)
{
	double bytes = bytes_of(checkpoint);
	double seconds = json_number_value(json_object_get(checkpoint, "durable_s"));
	double fixed = seconds / 2 < FIXED_S ? seconds / 2 : FIXED_S;
	return bytes > 0 ? fixed + (seconds - fixed) * ((double)memory / bytes) : 0;
}

static int compare(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;
	return (difference > 0) - (difference < 0);
}

/* The middle one of what the last checkpoints of this kind say; 0: there was none. */
static double usual(const json_t *figures, bool stop, uint64_t memory)
{
	double found[ASKED];
	size_t count = 0;
	for (size_t i = json_array_size(figures); i-- > 0 && count < ASKED;) {
		const json_t *checkpoint = json_array_get(figures, i);
		if (json_is_true(json_object_get(checkpoint, "stop")) == stop)
			found[count++] = scale(checkpoint, memory);
	}
	if (!count)
		return 0;
	qsort(found, count, sizeof(found[0]), compare);
	return found[count / 2];
}

double figures_predict(const json_t *figures, uint64_t memory, bool stop, bool *measured)
{
	double seconds = usual(figures, stop, memory);
	if (seconds <= 0)
		seconds = usual(figures, !stop, memory);
	*measured = seconds > 0;
	return *measured ? seconds : FIXED_S + (double)memory / GUESSED_BYTES_A_SECOND;
}

bool figures_suffice(double predicted_s, double grace_s)
{
	return predicted_s * MARGIN_FACTOR + MARGIN_S <= grace_s;
}
