/*
 * doctor.h: what this machine can and cannot do for glckpt, and what to do about it.
 *
 * A finding is {"check": id, "state": "ok" | "warn" | "fail", "text": what was found,
 * "advice": what to do (not where the state is "ok")}. "fail" means that no session can run here;
 * "warn" that something is missing, slower or less safe.
 */
#ifndef XDETACH_DOCTOR_H
#define XDETACH_DOCTOR_H

#include "base/err.h"

#include <jansson.h>

/*
 * Looks at everything; well under a second unless `smoke` asks for a real checkpoint and restore.
 * The findings in a fixed order, a new reference, or NULL. Leaves nothing behind. Forks: the
 * caller must have no other thread.
 */
json_t *doctor_examine(bool smoke, struct err *err);

/* True when no finding is "fail". */
bool doctor_fit(const json_t *findings);

#endif
