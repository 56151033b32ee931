/*
 * What was told, as records of snapshots (told.h).
 */
#include "glproxy/told.h"

#include "glproxy/surface.h"

#include <stdlib.h>
#include <string.h>

static void put_text(struct buf *image, const char *text)
{
	record_bytes(image, text ? text : "", text ? strlen(text) + 1 : 0);
}

static char *take_text(struct span *record)
{
	const struct span text = span_bytes(record);
	return record->failed || !text.left || text.at[text.left - 1] ? NULL : strdup(text.at);
}

static void put_told(struct buf *image, const struct told *told)
{
	const size_t place = record_begin(image, SNAPSHOT_TOLD);
	record_u32(image, told->api);
	record_bytes(image, told->attributes, told->attributes_size);
	for (size_t i = 0; i < array_len(told->texts); i++)
		put_text(image, told->texts[i]);
	put_text(image, told->extensions);
	put_text(image, told->driver);
	record_bytes(image, told->limits, told->limit_count * sizeof(*told->limits));
	record_end(image, place);
}

static void mark(struct wire_config *configs, size_t count, EGLint id)
{
	for (size_t i = 0; i < count; i++)
		if (configs[i].id == id)
			configs[i].reserved = 1;
}

/* Those that a window or a context has: a driver has to have the like of them. */
static void mark_used(struct wire_config *configs, const struct proxy *proxy)
{
	const size_t count = proxy->told_config_count;
	for (unsigned i = 1; i < PROXY_OBJECTS; i++) {
		if (proxy->contexts[i])
			mark(configs, count, proxy->contexts[i]->config);
		if (proxy->surfaces[i])
			mark(configs, count, proxy->surfaces[i]->config);
	}
}

static void put_configs(struct buf *image, const struct proxy *proxy)
{
	const size_t place = record_begin(image, SNAPSHOT_CONFIGS);
	const size_t size = proxy->told_config_count * sizeof(struct wire_config);
	scoped_free struct wire_config *marked = malloc(size + 1);
	if (!marked)
		return; /* the record stays empty, and is refused */
	memcpy(marked, proxy->told_configs, size);
	for (size_t i = 0; i < proxy->told_config_count; i++)
		marked[i].reserved = 0;
	mark_used(marked, proxy);
	record_bytes(image, marked, size);
	record_end(image, place);
}

void told_put(const struct proxy *proxy, struct buf *image)
{
	const size_t place = record_begin(image, SNAPSHOT_PROFILE);
	put_text(image, profile_chosen()->name);
	record_end(image, place);
	for (const struct told *told = proxy->told; told; told = told->next)
		put_told(image, told);
	if (proxy->told_configs && proxy->contexts)
		put_configs(image, proxy);
}

static bool are_attributes(struct span attributes)
{
	EGLint last = 0;
	const size_t count = attributes.left / sizeof(last);
	if (!count || count % 2 == 0 || attributes.left % sizeof(last))
		return false;
	memcpy(&last, attributes.at + (count - 1) * sizeof(last), sizeof(last));
	return last == EGL_NONE;
}

static bool read_limits(struct told *told, struct span limits)
{
	const size_t size = sizeof(*told->limits);
	told->limit_count = limits.left / size;
	told->limits = calloc(told->limit_count + 1, size);
	if (!told->limits || limits.left % size)
		return false;
	memcpy(told->limits, limits.at, limits.left);
	for (size_t i = 1; i < told->limit_count; i++)
		if (told->limits[i - 1].pname >= told->limits[i].pname)
			return false;
	return true;
}

static struct told *read_told(struct span record)
{
	const EGLenum api = span_u32(&record);
	const struct span attributes = span_bytes(&record);
	struct told *told = record.failed || !are_attributes(attributes)
		? NULL
		: told_create(api, attributes.at, attributes.left);
	if (!told)
		return NULL;
	for (size_t i = 0; i < array_len(told->texts); i++)
		told->texts[i] = take_text(&record);
	told->extensions = take_text(&record);
	told->driver = take_text(&record);
	if (read_limits(told, span_bytes(&record)) && !record.failed)
		return told;
	told_destroy(told);
	return NULL;
}

static int adopt_configs(struct proxy *proxy, struct span record, struct err *err)
{
	const struct span configs = span_bytes(&record);
	if (record.failed || configs.left % sizeof(struct wire_config))
		return err_set(err, "the snapshot has configs that cannot be");
	free(proxy->told_configs);
	proxy->told_configs = malloc(configs.left + 1);
	if (!proxy->told_configs)
		return err_set(err, "out of memory");
	memcpy(proxy->told_configs, configs.at, configs.left);
	proxy->told_config_count = configs.left / sizeof(struct wire_config);
	return 0;
}

int told_adopt(struct proxy *proxy, uint32_t tag, struct span record, struct err *err)
{
	if (tag == SNAPSHOT_CONFIGS)
		return adopt_configs(proxy, record, err);
	if (tag != SNAPSHOT_TOLD)
		return 0;
	struct told *told = read_told(record);
	if (!told)
		return err_set(err, "the snapshot has a context that cannot be");
	told_add(proxy, told);
	return 0;
}
