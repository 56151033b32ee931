/*
 * extensions.h: the extensions of OpenGL and OpenGL ES that may be offered to programs (generated
 * from extensions.txt), in the order of strcmp().
 */
#ifndef WIRE_EXTENSIONS_H
#define WIRE_EXTENSIONS_H

#include <stddef.h>

extern const char *const wire_extensions[];
extern const size_t wire_extension_count;

#endif
