/*
 * config.h: what the shim is told of a config of the driver (message ckConfigs).
 */
#ifndef WIRE_CONFIG_H
#define WIRE_CONFIG_H

#include <stdint.h>

struct wire_config {
	int32_t id;
	int32_t red, green, blue, alpha;
	int32_t depth, stencil, samples;
	int32_t renderable; /* EGL_RENDERABLE_TYPE */
	int32_t conformant;
	int32_t floating; /* components are floating-point */
	int32_t reserved;
};

/* Which OpenGL programs are shown (glproxy/profile.h); the first is the driver's own. */
#define WIRE_PROFILES "native", "portable-3.3", "portable-4.5"

/* In what ckContextCreate returns: the rest is an EGL error. */
#define WIRE_CONTEXT_FAILED 0x80000000u

/* ckMakeCurrent's draw surface: none, and the context is let go. */
#define WIRE_RELEASE 0xffffffffu

#endif
