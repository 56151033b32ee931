/*
 * names.h: what an opcode is called, for logs; the classes of GL's object names.
 */
#ifndef WIRE_NAMES_H
#define WIRE_NAMES_H

/* "glClear"; "unknown" for a number that is none. Never NULL. */
const char *wire_opcode_name(unsigned opcode);

/* The kinds of names GL gives out. The first block is shared by a share group, the rest belongs to
 * one context. Shaders and programs are one kind, because GL numbers them together. */
enum names_class {
	NAMES_none,
	NAMES_texture,
	NAMES_buffer,
	NAMES_renderbuffer,
	NAMES_sampler,
	NAMES_program,
	NAMES_arb_program,
	NAMES_SHARED,
	NAMES_framebuffer = NAMES_SHARED,
	NAMES_vertex_array,
	NAMES_query,
	NAMES_transform_feedback,
	NAMES_program_pipeline,
	NAMES_CLASSES,
};

#endif
