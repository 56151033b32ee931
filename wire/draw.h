/*
 * draw.h: what a draw brings along from the program's memory (message ckDraw).
 *
 * The message's data begins with `arrays` descriptions; the elements of each array, and the
 * indices, lie behind them. Elements `start` to `end` are there.
 */
#ifndef WIRE_DRAW_H
#define WIRE_DRAW_H

#include <stdint.h>

struct wire_client_array {
	uint32_t slot; /* enum wire_slot */
	int32_t size;
	uint32_t type;
	uint32_t kind; /* enum wire_kind */
	uint32_t stride;
	uint32_t first; /* the element that lies at `at` */
	uint64_t at;    /* counts from the beginning of the data */
	uint64_t bytes;
};

/* In `arrays`: the indices lie in the data, at `offset`. */
#define WIRE_INDICES_HERE 0x80000000u

#endif
