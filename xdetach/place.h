/*
 * place.h: where a process runs, as far as others can see that sharing its files: on which boot of
 * which host, for a host that was started anew has none of its old processes, and in which PID
 * namespace, for containers of one host share its boot but not the meaning of a PID.
 */
#ifndef XDETACH_PLACE_H
#define XDETACH_PLACE_H

#include <jansson.h>
#include <stdbool.h>

/* {"boot", "pid_namespace"} of the caller: a new reference, or NULL. */
json_t *place_describe(void);

/* Is it this boot of this host, in whichever namespace? Takes NULL and what is no place. */
bool place_is_this_boot(const json_t *place);

#endif
