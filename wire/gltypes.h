/*
 * gltypes.h: the types and enumerants of OpenGL and OpenGL ES, without any prototype.
 */
#ifndef WIRE_GLTYPES_H
#define WIRE_GLTYPES_H

#include <GL/gl.h>
#include <GL/glext.h>

typedef GLint GLclampx;

#endif
