/*
 * farm.h: what the farm page shows: the sessions and the images of the user.
 *
 * Images are those of the user's image folder, of the folders that live sessions write to, and of
 * further ones. An image never changes, so each is read once. Any thread, one at a time.
 */
#ifndef XDETACH_WEB_FARM_H
#define XDETACH_WEB_FARM_H

#include "base/err.h"

#include <jansson.h>
#include <pthread.h>

struct farm {
	pthread_mutex_t lock;
	json_t *images;          /* path -> what is shown of it */
	const char *const *dirs; /* further folders; NULL-terminated, borrowed */
};

int farm_init(struct farm *farm, const char *const *dirs, struct err *err);

/* {"host", "version", "sessions": [STATUS...], "images": [{"path", "id", "name", "created", ...}]}
 */
json_t *farm_describe(struct farm *farm, struct err *err);

#endif
