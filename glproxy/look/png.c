/*
 * Pictures of what a snapshot holds: it is built in a proxy, and every image is read from there.
 */
#include "glproxy/look/look.h"

#include "glproxy/context.h"
#include "glproxy/look/inventory.h"
#include "glproxy/look/picture.h"
#include "glproxy/look/workbench.h"
#include "glproxy/snapshot_surface.h"
#include "glproxy/surface.h"
#include "wire/calls.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A walk: a helper context is current. */
struct easel {
	struct look_pictures *pictures;
	struct workbench *bench;
	struct inventory inventory;
	const struct driver *gl;
	const struct context *context; /* of the share group at hand */
	char title[96];
	struct err *err;
	bool failed;
};

/* ---- files ---- */

static void skip(struct easel *e, const char *why)
{
	char text[192];
	snprintf(text, sizeof(text), "%s: %s", e->title, why);
	json_array_append_new(e->pictures->skipped, json_string(text));
}

static void write_picture(struct easel *e, const struct picture *p, const char *format, ...)
	printf_like(3, 4);

static void write_picture(struct easel *e, const struct picture *p, const char *format, ...)
{
	char name[128], path[4352];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	if (e->failed || !p->width || !p->height)
		return;
	snprintf(path, sizeof(path), "%s/%s%s.png", e->pictures->directory, e->pictures->prefix,
		name);
	e->failed = picture_write(p, path, e->err) < 0;
	if (!e->failed)
		json_array_append_new(e->pictures->files,
			json_pack("{s:s, s:s, s:i, s:i}", "file", path, "of", e->title, "width",
				(int)p->width, "height", (int)(p->height * p->layers)));
}

static bool gl_failed(const struct easel *e)
{
	bool failed = false;
	while (e->gl->GetError())
		failed = true;
	return failed;
}

/* ---- what pixels are like ---- */

struct form {
	GLint sizes[4]; /* of red, green, blue, alpha */
	GLint depth, stencil;
	GLenum type; /* GL_UNSIGNED_NORMALIZED, GL_FLOAT, GL_INT, ... */
};

/* How colours are read, as RGBA. */
struct way {
	GLenum format, type;
};

static struct way plan(struct picture *p, const struct form *form)
{
	const GLint *sizes = form->sizes;
	GLint most = 0;
	for (unsigned i = 0; i < 4; i++) {
		p->components |= sizes[i] ? 1u << i : 0;
		most = sizes[i] > most ? sizes[i] : most;
	}
	p->stride = 4;
	p->small = most <= 8;
	switch (form->type) {
	case GL_FLOAT:
		p->values = PICTURE_FLOATS;
		return (struct way){GL_RGBA, GL_FLOAT};
	case GL_SIGNED_NORMALIZED:
		p->values = PICTURE_SIGNED;
		return (struct way){GL_RGBA, GL_FLOAT};
	case GL_INT:
		p->values = PICTURE_INTEGERS;
		return (struct way){GL_RGBA_INTEGER, GL_INT};
	case GL_UNSIGNED_INT:
		p->values = PICTURE_UNSIGNEDS;
		return (struct way){GL_RGBA_INTEGER, GL_UNSIGNED_INT};
	default:
		p->values = p->small ? PICTURE_BYTES : PICTURE_SHORTS;
		return (struct way){GL_RGBA, p->small ? GL_UNSIGNED_BYTE : GL_UNSIGNED_SHORT};
	}
}

static struct way plan_depth(struct picture *p)
{
	p->components = PICTURE_R;
	p->stride = 1;
	p->values = PICTURE_FLOATS;
	return (struct way){GL_DEPTH_COMPONENT, GL_FLOAT};
}

static struct way plan_stencil(struct picture *p)
{
	p->components = PICTURE_R;
	p->stride = 1;
	p->values = PICTURE_BYTES;
	return (struct way){GL_STENCIL_INDEX, GL_UNSIGNED_BYTE};
}

static void *make_room(struct easel *e, const struct picture *p)
{
	void *room = calloc((size_t)p->width * p->height * p->layers + 1,
		p->stride * picture_value_size(p->values));
	if (!room)
		skip(e, "it is too big for the memory");
	return room;
}

/* ---- what a framebuffer has ---- */

static GLint attachment_value(const struct easel *e, GLenum attachment, GLenum pname)
{
	GLint value = 0;
	e->gl->GetFramebufferAttachmentParameteriv(GL_READ_FRAMEBUFFER, attachment, pname, &value);
	return value;
}

static struct form form_of_attachment(const struct easel *e, GLenum attachment)
{
	return (struct form){
		.sizes = {attachment_value(e, attachment, GL_FRAMEBUFFER_ATTACHMENT_RED_SIZE),
			attachment_value(e, attachment, GL_FRAMEBUFFER_ATTACHMENT_GREEN_SIZE),
			attachment_value(e, attachment, GL_FRAMEBUFFER_ATTACHMENT_BLUE_SIZE),
			attachment_value(e, attachment, GL_FRAMEBUFFER_ATTACHMENT_ALPHA_SIZE)},
		.type = (GLenum)attachment_value(
			e, attachment, GL_FRAMEBUFFER_ATTACHMENT_COMPONENT_TYPE)};
}

/* From the framebuffer that is bound for reading. */
static void read_pixels(
	struct easel *e, struct picture *p, struct way way, const char *name, const char *what)
{
	scoped_free void *room = make_room(e, p);
	if (!room)
		return;
	e->gl->ReadPixels(0, 0, (GLsizei)p->width, (GLsizei)p->height, way.format, way.type, room);
	p->pixels = room;
	if (gl_failed(e))
		skip(e, "the driver does not read it");
	else
		write_picture(e, p, "%s%s", name, what);
}

/* The image of a framebuffer's attachment. */
struct source {
	bool texture;
	GLuint name; /* of the driver */
	GLenum target;
	GLint level, layer;
	bool layered;
	GLsizei width, height;
	GLint samples;
	GLenum format;
};

static void attach(const struct easel *e, GLenum at, const struct source *from)
{
	if (!from->texture)
		e->gl->FramebufferRenderbuffer(
			GL_READ_FRAMEBUFFER, at, GL_RENDERBUFFER, from->name);
	else if (from->layered)
		e->gl->FramebufferTextureLayer(
			GL_READ_FRAMEBUFFER, at, from->name, from->level, from->layer);
	else
		e->gl->FramebufferTexture(GL_READ_FRAMEBUFFER, at, from->name, from->level);
}

/* The same with one sample, in place of what is attached. */
static GLuint resolve(const struct easel *e, GLenum at, const struct source *from)
{
	const GLbitfield mask = at == GL_COLOR_ATTACHMENT0 ? GL_COLOR_BUFFER_BIT
		: at == GL_DEPTH_ATTACHMENT                ? GL_DEPTH_BUFFER_BIT
							   : GL_STENCIL_BUFFER_BIT;
	GLuint single = 0, framebuffer = 0;
	e->gl->GenRenderbuffers(1, &single);
	e->gl->BindRenderbuffer(GL_RENDERBUFFER, single);
	e->gl->RenderbufferStorage(GL_RENDERBUFFER, from->format, from->width, from->height);
	e->gl->GenFramebuffers(1, &framebuffer);
	e->gl->BindFramebuffer(GL_DRAW_FRAMEBUFFER, framebuffer);
	e->gl->FramebufferRenderbuffer(GL_DRAW_FRAMEBUFFER, at, GL_RENDERBUFFER, single);
	e->gl->BlitFramebuffer(
		0, 0, from->width, from->height, 0, 0, from->width, from->height, mask, GL_NEAREST);
	e->gl->BindFramebuffer(GL_DRAW_FRAMEBUFFER, 0);
	e->gl->DeleteFramebuffers(1, &framebuffer);
	e->gl->FramebufferRenderbuffer(GL_READ_FRAMEBUFFER, at, GL_RENDERBUFFER, single);
	return single;
}

static void read_attached(
	struct easel *e, GLenum at, const struct source *from, const char *name, const char *what)
{
	struct picture p = {
		.width = (unsigned)from->width, .height = (unsigned)from->height, .layers = 1};
	GLuint single = 0, framebuffer = 0;
	e->gl->GenFramebuffers(1, &framebuffer);
	e->gl->BindFramebuffer(GL_READ_FRAMEBUFFER, framebuffer);
	attach(e, at, from);
	if (from->samples)
		single = resolve(e, at, from);
	const struct form form = form_of_attachment(e, at);
	const struct way way = at == GL_COLOR_ATTACHMENT0 ? plan(&p, &form)
		: at == GL_DEPTH_ATTACHMENT               ? plan_depth(&p)
							  : plan_stencil(&p);
	e->gl->ReadBuffer(at == GL_COLOR_ATTACHMENT0 ? at : GL_NONE);
	read_pixels(e, &p, way, name, what);
	e->gl->BindFramebuffer(GL_READ_FRAMEBUFFER, 0);
	e->gl->DeleteFramebuffers(1, &framebuffer);
	e->gl->DeleteRenderbuffers(1, &single);
	gl_failed(e);
}

/* All that it has: colours, or depths and stencils. */
static void read_source(
	struct easel *e, const struct source *from, const struct form *form, const char *name)
{
	if (!form->depth && !form->stencil)
		read_attached(e, GL_COLOR_ATTACHMENT0, from, name, "");
	if (form->depth)
		read_attached(e, GL_DEPTH_ATTACHMENT, from, name, "-depth");
	if (form->stencil)
		read_attached(e, GL_STENCIL_ATTACHMENT, from, name, "-stencil");
}

/* ---- textures ---- */

static GLint level_value(const struct easel *e, GLenum target, GLint level, GLenum pname)
{
	GLint value = 0;
	e->gl->GetTexLevelParameteriv(target, level, pname, &value);
	return value;
}

/* Luminance and intensity come as red. */
static struct form form_of_level(const struct easel *e, GLenum target, GLint level)
{
	const GLint luminance = level_value(e, target, level, GL_TEXTURE_LUMINANCE_SIZE) +
		level_value(e, target, level, GL_TEXTURE_INTENSITY_SIZE);
	struct form form = {
		.sizes = {level_value(e, target, level, GL_TEXTURE_RED_SIZE) + luminance,
			level_value(e, target, level, GL_TEXTURE_GREEN_SIZE),
			level_value(e, target, level, GL_TEXTURE_BLUE_SIZE),
			level_value(e, target, level, GL_TEXTURE_ALPHA_SIZE)},
		.depth = level_value(e, target, level, GL_TEXTURE_DEPTH_SIZE),
		.stencil = level_value(e, target, level, GL_TEXTURE_STENCIL_SIZE),
		.type = (GLenum)level_value(e, target, level, GL_TEXTURE_RED_TYPE)};
	if (!form.type)
		form.type = (GLenum)level_value(e, target, level,
			form.sizes[3] ? GL_TEXTURE_ALPHA_TYPE : GL_TEXTURE_LUMINANCE_TYPE);
	gl_failed(e);
	return form;
}

static void read_image(struct easel *e, GLenum target, GLint level, struct picture *p,
	struct way way, const char *name)
{
	scoped_free void *room = make_room(e, p);
	if (!room)
		return;
	e->gl->GetTexImage(target, level, way.format, way.type, room);
	p->pixels = room;
	if (gl_failed(e))
		skip(e, "the driver does not read it");
	else
		write_picture(e, p, "%s", name);
}

static void read_level(struct easel *e, GLenum target, GLint level, const char *name)
{
	char other[160];
	const struct form form = form_of_level(e, target, level);
	const GLint depth = level_value(e, target, level, GL_TEXTURE_DEPTH);
	const GLint height = level_value(e, target, level, GL_TEXTURE_HEIGHT);
	const bool rows = target == GL_TEXTURE_1D_ARRAY;
	struct picture p = {.width = (unsigned)level_value(e, target, level, GL_TEXTURE_WIDTH),
		.height = rows ? 1 : (unsigned)height,
		.layers = rows  ? (unsigned)height
			: depth ? (unsigned)depth
				: 1};
	struct picture depths = p, stencils = p;
	if (!form.depth && !form.stencil)
		read_image(e, target, level, &p, plan(&p, &form), name);
	snprintf(other, sizeof(other), "%s-depth", name);
	if (form.depth)
		read_image(e, target, level, &depths, plan_depth(&depths), other);
	snprintf(other, sizeof(other), "%s-stencil", name);
	if (form.stencil)
		read_image(e, target, level, &stencils, plan_stencil(&stencils), other);
}

static void read_levels(
	struct easel *e, const struct object *object, GLenum target, const char *name)
{
	char one[160];
	const unsigned levels = e->pictures->levels ? object->levels : 1;
	for (unsigned level = 0; level < levels; level++) {
		snprintf(one, sizeof(one), level ? "%s-level%u" : "%s", name, level);
		if (level_value(e, target, (GLint)level, GL_TEXTURE_WIDTH))
			read_level(e, target, (GLint)level, one);
	}
}

static void read_faces(struct easel *e, const struct object *object, const char *name)
{
	static const char *const faces[] = {"+x", "-x", "+y", "-y", "+z", "-z"};
	char face[128];
	for (unsigned i = 0; i < 6; i++) {
		snprintf(face, sizeof(face), "%s%s", name, faces[i]);
		read_levels(e, object, GL_TEXTURE_CUBE_MAP_POSITIVE_X + i, face);
	}
}

static void read_samples(
	struct easel *e, const struct object *object, GLuint driver, const char *name)
{
	const GLenum target = object->target;
	const struct form form = form_of_level(e, target, 0);
	struct source from = {.texture = true,
		.name = driver,
		.layered = target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY,
		.width = (GLsizei)object->width,
		.height = (GLsizei)object->height,
		.samples = (GLint)object->samples,
		.format = object->format};
	for (; from.layer < (GLint)object->depth; from.layer++) {
		char layer[160];
		snprintf(
			layer, sizeof(layer), from.layered ? "%s-layer%d" : "%s", name, from.layer);
		read_source(e, &from, &form, layer);
	}
}

static void read_texture(struct easel *e, const struct object *object, const char *name)
{
	struct names *names = e->context->exec.names[NAMES_texture];
	const GLuint driver = object->name ? names_to_driver(names, (GLuint)object->name) : 0;
	if (object->target == GL_TEXTURE_BUFFER || !object->width)
		return;
	e->gl->BindTexture(object->target, driver);
	if (object->samples)
		read_samples(e, object, driver, name);
	else if (object->target == GL_TEXTURE_CUBE_MAP)
		read_faces(e, object, name);
	else
		read_levels(e, object, object->target, name);
	e->gl->BindTexture(object->target, 0);
	gl_failed(e);
}

/* ---- renderbuffers ---- */

static GLint renderbuffer_value(const struct easel *e, GLuint driver, GLenum pname)
{
	GLint value = 0;
	e->gl->GetNamedRenderbufferParameteriv(driver, pname, &value);
	return value;
}

static struct source renderbuffer_source(const struct easel *e, GLuint driver)
{
	return (struct source){.name = driver,
		.width = renderbuffer_value(e, driver, GL_RENDERBUFFER_WIDTH),
		.height = renderbuffer_value(e, driver, GL_RENDERBUFFER_HEIGHT),
		.samples = renderbuffer_value(e, driver, GL_RENDERBUFFER_SAMPLES),
		.format = (GLenum)renderbuffer_value(e, driver, GL_RENDERBUFFER_INTERNAL_FORMAT)};
}

static void read_renderbuffer(struct easel *e, const struct object *object, const char *name)
{
	struct names *names = e->context->exec.names[NAMES_renderbuffer];
	const GLuint driver = names_to_driver(names, (GLuint)object->name);
	const struct source from = renderbuffer_source(e, driver);
	const struct form form = {
		.depth = renderbuffer_value(e, driver, GL_RENDERBUFFER_DEPTH_SIZE),
		.stencil = renderbuffer_value(e, driver, GL_RENDERBUFFER_STENCIL_SIZE)};
	if (object->width)
		read_source(e, &from, &form, name);
}

/* ---- framebuffers ---- */

static GLint bound_value(const struct driver *gl, GLenum attachment, GLenum pname)
{
	GLint value = 0;
	gl->GetFramebufferAttachmentParameteriv(GL_READ_FRAMEBUFFER, attachment, pname, &value);
	return value;
}

/* What is attached, with the context current that has the framebuffer. */
static bool find_source(const struct driver *gl, GLenum attachment, struct source *from)
{
	const GLint type = bound_value(gl, attachment, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_TYPE);
	if (type != GL_TEXTURE && type != GL_RENDERBUFFER)
		return false;
	from->texture = type == GL_TEXTURE;
	from->name = (GLuint)bound_value(gl, attachment, GL_FRAMEBUFFER_ATTACHMENT_OBJECT_NAME);
	if (!from->texture)
		return true;
	const GLint face =
		bound_value(gl, attachment, GL_FRAMEBUFFER_ATTACHMENT_TEXTURE_CUBE_MAP_FACE);
	from->level = bound_value(gl, attachment, GL_FRAMEBUFFER_ATTACHMENT_TEXTURE_LEVEL);
	from->layer = bound_value(gl, attachment, GL_FRAMEBUFFER_ATTACHMENT_TEXTURE_LAYER);
	from->target = (GLenum)face;
	from->layered = face || from->layer ||
		bound_value(gl, attachment, GL_FRAMEBUFFER_ATTACHMENT_LAYERED);
	if (face)
		from->layer = face - GL_TEXTURE_CUBE_MAP_POSITIVE_X;
	return true;
}

struct attached {
	uint64_t framebuffer;
	GLenum attachment;
	char what[16];
	struct source from;
};

struct attachments {
	struct attached *all;
	size_t count;
};

static void note_attachment(struct attachments *list, uint64_t framebuffer, GLenum attachment,
	const struct source *from)
{
	struct attached *more = realloc(list->all, (list->count + 1) * sizeof(*more));
	if (!more)
		return;
	list->all = more;
	struct attached *made = &list->all[list->count++];
	*made = (struct attached){
		.framebuffer = framebuffer, .attachment = attachment, .from = *from};
	if (attachment >= GL_COLOR_ATTACHMENT0 && attachment < GL_COLOR_ATTACHMENT0 + 32)
		snprintf(made->what, sizeof(made->what), "-color%u",
			attachment - GL_COLOR_ATTACHMENT0);
	else
		snprintf(made->what, sizeof(made->what), "%s",
			attachment == GL_DEPTH_ATTACHMENT ? "-depth" : "-stencil");
}

static void find_attachments(struct easel *e, const struct object *object, struct attachments *list)
{
	const struct driver *gl = e->gl;
	struct names *names = e->context->exec.names[NAMES_framebuffer];
	GLint colours = 0;
	gl->BindFramebuffer(GL_READ_FRAMEBUFFER, names_to_driver(names, (GLuint)object->name));
	gl->GetIntegerv(GL_MAX_COLOR_ATTACHMENTS, &colours);
	for (GLint i = 0; i < colours + 2; i++) {
		struct source from = {0};
		const GLenum attachment = i < colours ? GL_COLOR_ATTACHMENT0 + (GLenum)i
			: i == colours                ? GL_DEPTH_ATTACHMENT
						      : GL_STENCIL_ATTACHMENT;
		if (find_source(gl, attachment, &from))
			note_attachment(list, object->name, attachment, &from);
	}
	gl_failed(e);
}

/* The size of a level of a texture: of what its first layer is. */
static void measure(const struct easel *e, struct source *from)
{
	if (!from->texture) {
		*from = renderbuffer_source(e, from->name);
		return;
	}
	GLint samples = 0, format = 0;
	e->gl->GetTextureLevelParameteriv(from->name, from->level, GL_TEXTURE_WIDTH, &from->width);
	e->gl->GetTextureLevelParameteriv(
		from->name, from->level, GL_TEXTURE_HEIGHT, &from->height);
	e->gl->GetTextureLevelParameteriv(from->name, from->level, GL_TEXTURE_SAMPLES, &samples);
	e->gl->GetTextureLevelParameteriv(
		from->name, from->level, GL_TEXTURE_INTERNAL_FORMAT, &format);
	from->samples = samples;
	from->format = (GLenum)format;
}

static void read_framebuffer(struct easel *e, struct attached *attached)
{
	char name[96];
	const GLenum attachment = attached->attachment;
	snprintf(name, sizeof(name), "context%u-framebuffer%llu", e->context->id,
		(unsigned long long)attached->framebuffer);
	snprintf(e->title, sizeof(e->title), "framebuffer %llu of context %u",
		(unsigned long long)attached->framebuffer, e->context->id);
	measure(e, &attached->from);
	read_attached(e,
		attachment == GL_DEPTH_ATTACHMENT || attachment == GL_STENCIL_ATTACHMENT
			? attachment
			: GL_COLOR_ATTACHMENT0,
		&attached->from, name, attached->what);
}

/* ---- all ---- */

static void read_objects(struct easel *e)
{
	for (size_t i = 0; i < e->inventory.object_count && !e->failed; i++) {
		char name[96];
		const struct object *object = &e->inventory.objects[i];
		if (object->context != e->context->id || !object->shared)
			continue;
		object_title(object, e->title);
		if (object->name)
			snprintf(name, sizeof(name), "context%u-%s%llu", object->context,
				object_kind_name(object->kind), (unsigned long long)object->name);
		else
			snprintf(name, sizeof(name), "context%u-default-%04x", object->context,
				object->target);
		if (object->kind == OBJECT_TEXTURE)
			read_texture(e, object, name);
		else if (object->kind == OBJECT_RENDERBUFFER)
			read_renderbuffer(e, object, name);
	}
}

/* With a helper context of the group current. */
static int with_helper(struct easel *e, struct context *context, void (*read)(struct easel *e))
{
	struct proxy *proxy = &e->bench->proxy;
	EGLContext helper = helper_open(proxy, context->egl, e->err);
	if (helper == EGL_NO_CONTEXT)
		return -1;
	e->context = context;
	if (eglMakeCurrent(proxy->display, EGL_NO_SURFACE, EGL_NO_SURFACE, helper)) {
		e->gl->PixelStorei(GL_PACK_ALIGNMENT, 1);
		read(e);
	} else {
		e->failed = true;
		err_set(e->err, "the driver needs a surface to be current");
	}
	helper_close(proxy, helper);
	return e->failed ? -1 : 0;
}

static struct attachments found;

static void read_found(struct easel *e)
{
	for (size_t i = 0; i < found.count && !e->failed; i++)
		read_framebuffer(e, &found.all[i]);
}

static int read_framebuffers(struct easel *e, struct context *context)
{
	found = (struct attachments){NULL, 0};
	e->context = context;
	if (!context->version || !context_bind_alone(context))
		return 0;
	for (size_t i = 0; i < e->inventory.object_count; i++) {
		const struct object *object = &e->inventory.objects[i];
		if (object->kind == OBJECT_FRAMEBUFFER && object->context == context->id)
			find_attachments(e, object, &found);
	}
	const int status = found.count ? with_helper(e, context, read_found) : 0;
	free(found.all);
	return status;
}

static int read_contexts(struct easel *e)
{
	for (unsigned id = 1; id < PROXY_OBJECTS; id++) {
		struct context *context = e->bench->proxy.contexts[id];
		if (!context)
			continue;
		const struct inventory_context *said = NULL;
		for (size_t i = 0; i < e->inventory.context_count; i++)
			if (e->inventory.contexts[i].id == id)
				said = &e->inventory.contexts[i];
		if (said && said->group == id && with_helper(e, context, read_objects))
			return -1;
		if (read_framebuffers(e, context))
			return -1;
	}
	return 0;
}

/* ---- surfaces ---- */

static void read_colours(struct easel *e, const struct surface *surface, const char *name)
{
	GLint red = 0;
	e->gl->GetIntegerv(GL_RED_BITS, &red);
	const struct form form = {
		.sizes = {red, red, red}, .type = red > 16 ? GL_FLOAT : GL_UNSIGNED_NORMALIZED};
	struct picture p = {.width = surface->width, .height = surface->height, .layers = 1};
	e->gl->PixelStorei(GL_PACK_ALIGNMENT, 1);
	e->gl->ReadBuffer(GL_BACK);
	gl_failed(e);
	read_pixels(e, &p, plan(&p, &form), name, "");
}

static void read_depths(struct easel *e, const struct surface *surface, const char *name)
{
	GLint depth = 0, stencil = 0;
	struct picture p = {.width = surface->width, .height = surface->height, .layers = 1};
	struct picture other = p;
	e->gl->GetIntegerv(GL_DEPTH_BITS, &depth);
	e->gl->GetIntegerv(GL_STENCIL_BITS, &stencil);
	if (depth)
		read_pixels(e, &p, plan_depth(&p), name, "-depth");
	if (stencil)
		read_pixels(e, &other, plan_stencil(&other), name, "-stencil");
}

static bool bind(const struct easel *e, EGLSurface surface, EGLContext helper)
{
	return eglMakeCurrent(e->bench->proxy.display, surface, surface, helper);
}

/* `egl` has the back buffer's colours, or those of the front buffer where it is `turned`. */
static void read_surface(struct easel *e, const struct surface *surface, EGLContext helper)
{
	char name[64], other[80];
	snprintf(name, sizeof(name), "surface%u", surface->id);
	snprintf(e->title, sizeof(e->title), "surface %u", surface->id);
	const bool two = surface->other != EGL_NO_SURFACE;
	snprintf(other, sizeof(other), "%s-front", name);
	if (bind(e, surface->egl, helper)) {
		read_colours(e, surface, two && surface->turned ? other : name);
		read_depths(e, surface, name);
	}
	if (two && !surface->both && bind(e, surface->other, helper))
		read_colours(e, surface, surface->turned ? name : other);
}

static int read_surfaces(struct easel *e)
{
	struct proxy *proxy = &e->bench->proxy;
	EGLContext helper = helper_open(proxy, EGL_NO_CONTEXT, e->err);
	if (helper == EGL_NO_CONTEXT)
		return -1;
	for (unsigned id = 1; id < PROXY_OBJECTS && !e->failed; id++)
		if (proxy->surfaces[id])
			read_surface(e, proxy->surfaces[id], helper);
	helper_close(proxy, helper);
	return e->failed ? -1 : 0;
}

int look_png(const struct snapshot_place *place, struct look_pictures *pictures, struct err *err)
{
	static struct workbench bench;
	struct easel e = {.pictures = pictures, .bench = &bench, .err = err};
	int status = workbench_open(&bench, place, err) || inventory_read(&e.inventory, place, err);
	e.gl = bench.proxy.driver;
	if (!status)
		status = read_surfaces(&e) || read_contexts(&e);
	inventory_finish(&e.inventory);
	workbench_close(&bench);
	return status ? -1 : 0;
}
