#include "glproxy/views.h"

#include "glproxy/remains.h"
#include "glproxy/samples.h"
#include "hand.h"

#include <stdlib.h>
#include <string.h>

/* A family is called by the name of its first texture, and otherwise once that is gone. */
#define GONE 0x80000000u

struct view {
	GLuint name; /* 0: a free entry */
	GLuint family;
};

struct views {
	pthread_mutex_t lock;
	struct view *entries;
	size_t count;
	GLuint gone; /* families */
};

struct views *views_create(void)
{
	struct views *views = calloc(1, sizeof(*views));
	if (views)
		pthread_mutex_init(&views->lock, NULL);
	return views;
}

void views_destroy(struct views *views)
{
	if (!views)
		return;
	pthread_mutex_destroy(&views->lock);
	free(views->entries);
	free(views);
}

static struct view *find(const struct views *views, GLuint name)
{
	for (size_t i = 0; i < views->count; i++)
		if (views->entries[i].name == name)
			return &views->entries[i];
	return NULL;
}

bool views_has(const struct views *views, GLuint name)
{
	return find(views, name);
}

static struct view *find_or_make(struct views *views, GLuint name)
{
	struct view *view = find(views, name);
	if (!view)
		view = find(views, 0);
	if (view)
		return view;
	const size_t count = views->count ? views->count * 2 : 16;
	struct view *grown = realloc(views->entries, count * sizeof(*grown));
	if (!grown)
		return NULL;
	memset(grown + views->count, 0, (count - views->count) * sizeof(*grown));
	view = &grown[views->count];
	views->entries = grown;
	views->count = count;
	return view;
}

static void made(struct exec *x, GLuint driver, GLuint of)
{
	struct names *names = x->names[NAMES_texture];
	const GLuint name = names_known(names, driver), origin = names_known(names, of);
	if (exec_errors_since(x) || !x->context || !name || !origin)
		return;
	struct views *views = x->context->group->views;
	pthread_mutex_lock(&views->lock);
	const struct view *before = find(views, origin);
	const GLuint family = before ? before->family : origin;
	struct view *view = find_or_make(views, name);
	if (view)
		*view = (struct view){name, family};
	pthread_mutex_unlock(&views->lock);
}

void proxy_glTextureView(struct exec *x, GLuint texture, GLenum target, GLuint origtexture,
	GLenum internalformat, GLuint minlevel, GLuint numlevels, GLuint minlayer, GLuint numlayers)
{
	exec_errors_take(x);
	x->driver->TextureView(texture, target, origtexture, internalformat, minlevel, numlevels,
		minlayer, numlayers);
	made(x, texture, origtexture);
}

static void deleted(struct views *views, GLuint name)
{
	struct view *view = find(views, name);
	bool first = false;
	if (view)
		*view = (struct view){0};
	for (size_t i = 0; i < views->count; i++)
		if (views->entries[i].name && views->entries[i].family == name) {
			views->entries[i].family = views->gone | GONE;
			first = true;
		}
	views->gone += first;
}

/* A texture that is deleted and used all the same has a name of ours (remains.h). */
static void renamed(struct views *views, GLuint from, GLuint to)
{
	for (size_t i = 0; i < views->count; i++) {
		struct view *view = &views->entries[i];
		if (view->name && view->name == from)
			view->name = to;
		if (view->name && view->family == from)
			view->family = to;
	}
}

/* False where the driver is not to delete it. */
static bool texture_deleted(struct exec *x, GLuint texture)
{
	struct views *views = x->context->group->views;
	const GLuint name = names_known(x->names[NAMES_texture], texture);
	const GLuint ours = name ? remains_of_texture(x, texture) : 0;
	pthread_mutex_lock(&views->lock);
	if (views->count && ours)
		renamed(views, name, ours);
	else if (views->count && name)
		deleted(views, name);
	pthread_mutex_unlock(&views->lock);
	return !ours;
}

void proxy_glDeleteTextures(struct exec *x, GLsizei n, const GLuint *textures)
{
	if (!x->context || n < 0 || x->in_begin) {
		x->driver->DeleteTextures(n, textures);
		return;
	}
	for (GLsizei i = 0; i < n; i++)
		if (texture_deleted(x, textures[i]))
			x->driver->DeleteTextures(1, &textures[i]);
}

void proxy_glDeleteTexturesEXT(struct exec *x, GLsizei n, const GLuint *textures)
{
	proxy_glDeleteTextures(x, n, textures);
}

/* ---- snapshots ---- */

/* What a texture shows of the storage, and how. */
struct part {
	GLenum target, format;
	GLint first_level, levels, first_layer, layers;
	GLint width, height, depth; /* of its first level */
	GLint samples, fixed;
};

static bool is_layered(GLenum target)
{
	return target == GL_TEXTURE_1D_ARRAY || target == GL_TEXTURE_2D_ARRAY ||
		target == GL_TEXTURE_CUBE_MAP || target == GL_TEXTURE_CUBE_MAP_ARRAY ||
		target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY;
}

static struct part part_of(struct take *t, GLuint driver)
{
	const struct driver *gl = t->gl;
	struct part p = {.target = take_texture_target(t, driver)};
	const GLenum image =
		p.target == GL_TEXTURE_CUBE_MAP ? GL_TEXTURE_CUBE_MAP_POSITIVE_X : p.target;
	GLint format = 0;
	gl->BindTexture(p.target, driver);
	gl->GetTexParameteriv(p.target, GL_TEXTURE_VIEW_MIN_LEVEL, &p.first_level);
	gl->GetTexParameteriv(p.target, GL_TEXTURE_VIEW_NUM_LEVELS, &p.levels);
	gl->GetTexParameteriv(p.target, GL_TEXTURE_VIEW_MIN_LAYER, &p.first_layer);
	gl->GetTexParameteriv(p.target, GL_TEXTURE_VIEW_NUM_LAYERS, &p.layers);
	gl->GetTexLevelParameteriv(image, 0, GL_TEXTURE_INTERNAL_FORMAT, &format);
	gl->GetTexLevelParameteriv(image, 0, GL_TEXTURE_WIDTH, &p.width);
	gl->GetTexLevelParameteriv(image, 0, GL_TEXTURE_HEIGHT, &p.height);
	gl->GetTexLevelParameteriv(image, 0, GL_TEXTURE_DEPTH, &p.depth);
	gl->GetTexLevelParameteriv(image, 0, GL_TEXTURE_SAMPLES, &p.samples);
	gl->GetTexLevelParameteriv(image, 0, GL_TEXTURE_FIXED_SAMPLE_LOCATIONS, &p.fixed);
	gl->BindTexture(p.target, 0);
	p.format = (GLenum)format;
	if (!is_layered(p.target))
		p.layers = 1;
	return p;
}

/* Of what a storage must be that all kinds of views can be made of. */
static GLenum storage_target(GLenum target)
{
	switch (target) {
	case GL_TEXTURE_1D:
		return GL_TEXTURE_1D_ARRAY;
	case GL_TEXTURE_2D:
	case GL_TEXTURE_CUBE_MAP:
	case GL_TEXTURE_CUBE_MAP_ARRAY:
		return GL_TEXTURE_2D_ARRAY;
	case GL_TEXTURE_2D_MULTISAMPLE:
		return GL_TEXTURE_2D_MULTISAMPLE_ARRAY;
	default:
		return target;
	}
}

static GLint larger(GLint one, GLint other)
{
	return one > other ? one : other;
}

/* `all` grows by what the part is of. */
static void join(struct part *all, const struct part *p)
{
	const GLint level = p->first_level;
	if (!all->target || level < all->first_level) {
		all->first_level = level;
		all->width = p->width << level;
		all->height = p->height << level;
		all->depth = p->target == GL_TEXTURE_3D ? p->depth << level : 1;
		all->format = p->format;
	}
	all->target = storage_target(p->target);
	all->levels = larger(all->levels, level + p->levels);
	all->layers = larger(all->layers, p->first_layer + p->layers);
	all->samples = p->samples;
	all->fixed = p->fixed;
}

static void put_storage(struct take *t, const struct part *p)
{
	struct stream *s = &t->out;
	if (p->target == GL_TEXTURE_1D_ARRAY)
		PUT(s, glTexStorage2D, .target = p->target, .levels = p->levels,
			.internalformat = p->format, .width = p->width, .height = p->layers);
	else if (p->target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY)
		PUT(s, glTexStorage3DMultisample, .target = p->target, .samples = p->samples,
			.internalformat = p->format, .width = p->width, .height = p->height,
			.depth = p->layers, .fixedsamplelocations = (GLboolean)p->fixed);
	else if (p->target == GL_TEXTURE_RECTANGLE)
		PUT(s, glTexStorage2D, .target = p->target, .levels = p->levels,
			.internalformat = p->format, .width = p->width, .height = p->height);
	else
		PUT(s, glTexStorage3D, .target = p->target, .levels = p->levels,
			.internalformat = p->format, .width = p->width, .height = p->height,
			.depth = p->target == GL_TEXTURE_3D ? p->depth : p->layers);
}

static void put_view(struct take *t, GLuint name, GLuint origin, bool fill)
{
	struct stream *s = &t->out;
	const GLuint driver = names_to_driver(t->names[NAMES_texture], name);
	const struct part p = part_of(t, driver);
	PUT_NAME(s, glGenTextures, textures, name);
	PUT(s, glTextureView, .texture = name, .target = p.target, .origtexture = origin,
		.internalformat = p.format, .minlevel = (GLuint)p.first_level,
		.numlevels = (GLuint)p.levels, .minlayer = (GLuint)p.first_layer,
		.numlayers = (GLuint)p.layers);
	PUT(s, glBindTexture, .target = p.target, .texture = name);
	t->gl->BindTexture(p.target, driver);
	take_shared_texture(t, p.target, name, driver, fill);
	take_label(t, GL_TEXTURE, name, driver);
	t->gl->BindTexture(p.target, 0);
	PUT(s, glBindTexture, .target = p.target);
}

/* The family's next member by name. */
static GLuint next_of(const struct views *views, GLuint family, GLuint after)
{
	GLuint next = 0;
	for (size_t i = 0; i < views->count; i++)
		if (views->entries[i].name > after && views->entries[i].family == family &&
			(!next || views->entries[i].name < next))
			next = views->entries[i].name;
	return next;
}

static void put_family(struct take *t, GLuint family)
{
	const struct views *views = t->context->group->views;
	const bool gone = family & GONE;
	const GLuint origin = gone ? TAKE_SPARE + 2 : family;
	struct part all = {0};
	for (GLuint name = 0; gone && (name = next_of(views, family, name));) {
		const struct part p = part_of(t, names_to_driver(t->names[NAMES_texture], name));
		join(&all, &p);
	}
	if (gone) {
		PUT_NAME(&t->out, glGenTextures, textures, origin);
		PUT(&t->out, glBindTexture, .target = all.target, .texture = origin);
		put_storage(t, &all);
		PUT(&t->out, glBindTexture, .target = all.target);
	}
	for (GLuint name = 0; (name = next_of(views, family, name));)
		put_view(t, name, origin, gone);
	if (gone)
		PUT_NAME(&t->out, glDeleteTextures, textures, origin);
}

void take_views(struct take *t)
{
	const struct views *views = t->context->group->views;
	struct names *names = t->names[NAMES_texture];
	for (GLuint name = 0; views->count && (name = names_next(names, name));) {
		const struct view *view = find(views, name);
		if (view && next_of(views, view->family, 0) == name)
			put_family(t, view->family);
	}
}
