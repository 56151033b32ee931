/*
 * host.h: the machine an image was taken on, compared with the one it is restored on.
 *
 * Memory is restored as it was, and with it every decision that a program or its libraries took by
 * looking at the processor: which instructions to use, how large a page or a register set is. So a
 * processor with more is fine, one with less is not.
 */
#ifndef XDETACH_HOST_H
#define XDETACH_HOST_H

#include "base/err.h"

#include <jansson.h>

/* {"hostname", "kernel", "machine", "cpu", "cpu_flags": [...], "page_size", "libc"}; a new
 * reference, or NULL. */
json_t *host_describe(struct err *err);

/*
 * Can what was taken on `host` run here? -1 with a sentence that names what is missing. `warning`
 * (may be NULL) gets what may go wrong all the same (an older kernel), else "".
 */
#define HOST_WARNING_MAX 512
int host_check(const json_t *host, char warning[HOST_WARNING_MAX], struct err *err);

/* The same between two descriptions. */
int host_compare(
	const json_t *host, const json_t *here, char warning[HOST_WARNING_MAX], struct err *err);

#endif
