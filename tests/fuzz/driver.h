/*
 * driver.h: a GL driver for the fuzzer that answers: it gives names, maps buffers, makes fences and
 * tells numbers, so that what the proxy does with answers is reached too. Everything it gives is
 * memory of exactly the size that was asked for, so that AddressSanitizer sees each byte too many.
 */
#ifndef TESTS_FUZZ_DRIVER_H
#define TESTS_FUZZ_DRIVER_H

#include "driver_table.h"
#include "glproxy/driver.h"

#include <stdint.h>

/* Puts the answering calls into a table that is otherwise full of calls that do nothing. */
void fuzz_driver_fill(struct driver *driver);

/* Begins anew: the same seed gives the same answers. Frees everything that was given. */
void fuzz_driver_begin(uint32_t seed);

#endif
