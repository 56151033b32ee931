#include "glproxy/accum.h"

#include "glproxy/front.h"
#include "glproxy/lists.h"
#include "hand.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define ONE 32767.0f

bool accum_has(const struct context *context)
{
	GLint bound = 0;
	if (!context || !context->current || !context->draw ||
		!(context->draw->flags & SURFACE_ACCUM) || context->api != EGL_OPENGL_API)
		return false;
	context->exec.driver->GetIntegerv(GL_DRAW_FRAMEBUFFER_BINDING, &bound);
	return !bound;
}

struct accum *accum_open(struct surface *surface)
{
	struct accum *accum = surface->accum;
	if (accum && accum->width == surface->width && accum->height == surface->height)
		return accum;
	free(accum);
	accum = calloc(1,
		sizeof(*accum) +
			(size_t)surface->width * surface->height * sizeof(accum->values[0]));
	if (accum) {
		accum->width = surface->width;
		accum->height = surface->height;
	}
	surface->accum = accum;
	return accum;
}

/* ---- the part of it that the scissor leaves ---- */

struct area {
	GLint left, bottom, width, height;
};

static void clip(GLint *at, GLint *size, GLint from, GLint to)
{
	const int64_t end = (int64_t)*at + *size < to ? (int64_t)*at + *size : to;
	*at = *at < from ? from : *at;
	*size = end > *at ? (GLint)(end - *at) : 0;
}

static struct area area_of(const struct context *context)
{
	const struct driver *gl = context->exec.driver;
	const GLint width = (GLint)context->draw->width, height = (GLint)context->draw->height;
	struct area area = {0, 0, width, height};
	GLint box[4];
	if (gl->IsEnabled(GL_SCISSOR_TEST)) {
		gl->GetIntegerv(GL_SCISSOR_BOX, box);
		area = (struct area){box[0], box[1], box[2], box[3]};
		clip(&area.left, &area.width, 0, width);
		clip(&area.bottom, &area.height, 0, height);
	}
	return area;
}

static int16_t *row_of(struct accum *accum, const struct area *area, GLint row)
{
	return accum->values[(size_t)(area->bottom + row) * accum->width + (size_t)area->left];
}

/* ---- operations ---- */

static int16_t to_short(float value)
{
	return value >= INT16_MAX ? INT16_MAX : value > INT16_MIN ? (int16_t)value : INT16_MIN;
}

/* What is too much begins anew from the other end, as Mesa has it. */
static int16_t add(int16_t a, float b)
{
	return (int16_t)(a + to_short(b));
}

static void scale(struct accum *accum, const struct area *area, float value)
{
	for (GLint row = 0; row < area->height; row++) {
		int16_t *at = row_of(accum, area, row);
		for (GLint i = 0; i < area->width * 4; i++)
			at[i] = to_short(at[i] * value);
	}
}

static void bias(struct accum *accum, const struct area *area, float value)
{
	for (GLint row = 0; row < area->height; row++) {
		int16_t *at = row_of(accum, area, row);
		for (GLint i = 0; i < area->width * 4; i++)
			at[i] = add(at[i], value * ONE);
	}
}

static void take(
	struct accum *accum, const struct area *area, const float *colours, float value, bool load)
{
	for (GLint row = 0; row < area->height; row++) {
		int16_t *at = row_of(accum, area, row);
		for (GLint i = 0; i < area->width * 4; i++)
			at[i] = add(load ? 0 : at[i], *colours++ * (value * ONE));
	}
}

static void give(struct accum *accum, const struct area *area, float *colours, float value)
{
	for (GLint row = 0; row < area->height; row++) {
		const int16_t *at = row_of(accum, area, row);
		for (GLint i = 0; i < area->width * 4; i++)
			*colours++ = at[i] * (value / ONE);
	}
}

/* ---- sRGB colours and light (OpenGL 4.6, 8.24 and 17.3.7) ---- */

static float light[256];   /* of each of the colours that a drawable can have */
static float borders[256]; /* the least light that becomes each of them */
static pthread_once_t light_once = PTHREAD_ONCE_INIT;

static float light_of(double colour)
{
	return (float)(colour <= 0.04045 ? colour / 12.92 : pow((colour + 0.055) / 1.055, 2.4));
}

static void fill_light(void)
{
	for (unsigned i = 0; i < 256; i++) {
		light[i] = light_of(i / 255.0);
		borders[i] = light_of((i - 0.5) / 255);
	}
}

static float to_light(float colour)
{
	return light[(unsigned)(colour * 255 + 0.5f) & 255];
}

static float from_light(float value)
{
	unsigned low = 0, high = 255;
	while (low < high) {
		const unsigned middle = (low + high + 1) / 2;
		if (value >= borders[middle])
			low = middle;
		else
			high = middle - 1;
	}
	return (float)low / 255;
}

static void convert(const struct context *context, const struct area *area, float *colours,
	float (*conversion)(float))
{
	const size_t count = (size_t)area->width * (size_t)area->height * 4;
	if (!(context->draw->flags & SURFACE_SRGB))
		return;
	pthread_once(&light_once, fill_light);
	for (size_t i = 0; i < count; i++)
		if (i % 4 != 3)
			colours[i] = conversion(colours[i]);
}

static float *colours_room(const struct area *area)
{
	return malloc(((size_t)area->width * (size_t)area->height + 1) * 4 * sizeof(float));
}

static EGLSurface drawn(const struct context *context)
{
	return context->own != EGL_NO_SURFACE ? context->own : context->draw->egl;
}

static void accumulate(struct context *context, struct accum *accum, const struct area *area,
	float value, bool load)
{
	const struct driver *gl = context->exec.driver;
	scoped_free float *colours = colours_room(area);
	const EGLSurface from =
		context->own != EGL_NO_SURFACE ? context->own : front_read_surface(context);
	if (colours && front_begin_helper(context, from, from)) {
		gl->ReadPixels(area->left, area->bottom, area->width, area->height, GL_RGBA,
			GL_FLOAT, colours);
		convert(context, area, colours, to_light);
		take(accum, area, colours, value, load);
	}
	front_end_helper(context);
}

static void draw(struct context *context, struct accum *accum, const struct area *area, float value)
{
	const struct driver *gl = context->exec.driver;
	scoped_free float *colours = colours_room(area);
	GLboolean mask[4];
	gl->GetBooleanv(GL_COLOR_WRITEMASK, mask);
	if (colours && front_begin_helper(context, drawn(context), drawn(context))) {
		give(accum, area, colours, value);
		convert(context, area, colours, from_light);
		gl->Disable(GL_DITHER);
		gl->ColorMask(mask[0], mask[1], mask[2], mask[3]);
		gl->PixelZoom(1, 1);
		gl->WindowPos2i(area->left, area->bottom);
		gl->DrawPixels(area->width, area->height, GL_RGBA, GL_FLOAT, colours);
		gl->ColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
	}
	front_end_helper(context);
}

static void operate(struct context *context, GLenum operation, float value)
{
	const struct area area = area_of(context);
	struct accum *accum = accum_open(context->draw);
	if (!accum)
		exec_error(&context->exec, GL_OUT_OF_MEMORY);
	else if (operation == GL_ACCUM || operation == GL_LOAD)
		accumulate(context, accum, &area, value, operation == GL_LOAD);
	else if (operation == GL_RETURN)
		draw(context, accum, &area, value);
	else if (operation == GL_MULT)
		scale(accum, &area, value);
	else
		bias(accum, &area, value);
}

static bool renders(const struct driver *gl)
{
	GLint mode = GL_RENDER;
	gl->GetIntegerv(GL_RENDER_MODE, &mode);
	return mode == GL_RENDER;
}

void proxy_glAccum(struct exec *x, GLenum operation, GLfloat value)
{
	struct context *context = x->context;
	if (x->in_begin || lists_compiling(x) || !accum_has(context)) {
		x->driver->Accum(operation, value);
		return;
	}
	if (operation < GL_ACCUM || operation > GL_ADD)
		exec_error(x, GL_INVALID_ENUM);
	else if (context->draw != context->read)
		exec_error(x, GL_INVALID_OPERATION);
	else if (renders(x->driver))
		operate(context, operation, value);
}

void accum_clear(struct context *context)
{
	const struct driver *gl = context->exec.driver;
	const struct area area = area_of(context);
	struct accum *accum = accum_open(context->draw);
	GLfloat clear[4];
	gl->GetFloatv(GL_ACCUM_CLEAR_VALUE, clear);
	for (GLint row = 0; accum && row < area.height; row++) {
		int16_t *at = row_of(accum, &area, row);
		for (GLint i = 0; i < area.width * 4; i++)
			at[i] = to_short(clear[i % 4] * ONE);
	}
}

void proxy_glClear(struct exec *x, GLbitfield mask)
{
	if (mask & GL_ACCUM_BUFFER_BIT && !x->in_begin && !lists_compiling(x) &&
		accum_has(x->context) && renders(x->driver)) {
		accum_clear(x->context);
		mask &= ~(GLbitfield)GL_ACCUM_BUFFER_BIT;
	}
	x->driver->Clear(mask);
}
