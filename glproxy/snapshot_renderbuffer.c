/*
 * Renderbuffers of a share group. GL neither gives nor takes their contents, so those travel
 * through a texture, of as many samples, that is copied from and to.
 *
 * The texture has the renderbuffer's own format, and is copied as it is (glCopyImageSubData). Of
 * formats without a size a driver may choose another one for textures than for renderbuffers; where
 * depths and stencils are concerned, one of the same sizes is copied by glBlitFramebuffer.
 */
#include "glproxy/samples.h"
#include "glproxy/snapshot_stream.h"

struct renderbuffer {
	GLuint name, driver;
	GLsizei width, height;
	GLint samples;
	GLenum format;
	GLenum target, carried; /* the texture's target and format */
	GLenum attachment;      /* blits; 0: copies */
};

static GLint value_of(struct take *t, GLuint driver, GLenum pname)
{
	GLint value = 0;
	t->gl->GetNamedRenderbufferParameteriv(driver, pname, &value);
	return value;
}

static void choose_carrier(struct take *t, struct renderbuffer *r)
{
	const GLint depth = value_of(t, r->driver, GL_RENDERBUFFER_DEPTH_SIZE);
	r->target = r->samples ? GL_TEXTURE_2D_MULTISAMPLE : GL_TEXTURE_2D;
	r->carried = r->format;
	if (r->format == GL_DEPTH_STENCIL) {
		r->attachment = GL_DEPTH_STENCIL_ATTACHMENT;
		r->carried = GL_DEPTH24_STENCIL8;
	} else if (r->format == GL_DEPTH_COMPONENT) {
		r->attachment = GL_DEPTH_ATTACHMENT;
		r->carried = depth == 16 ? GL_DEPTH_COMPONENT16
			: depth == 24    ? GL_DEPTH_COMPONENT24
					 : GL_DEPTH_COMPONENT32;
	} else if (r->format == GL_STENCIL_INDEX) {
		r->attachment = GL_STENCIL_ATTACHMENT;
		r->carried = GL_STENCIL_INDEX8;
	}
}

static bool is_unsized(GLenum format)
{
	return format == GL_RGBA || format == GL_RGB || format == GL_RG || format == GL_RED ||
		format == GL_ALPHA || format == GL_LUMINANCE || format == GL_LUMINANCE_ALPHA ||
		format == GL_INTENSITY;
}

/* Of the bound texture, which is to be complete. */
static void make_storage(struct take *t, const struct renderbuffer *r)
{
	if (r->samples) {
		t->gl->TexImage2DMultisample(
			r->target, r->samples, r->carried, r->width, r->height, GL_TRUE);
		return;
	}
	t->gl->TexParameteri(r->target, GL_TEXTURE_MAX_LEVEL, 0);
	if (is_unsized(r->carried))
		t->gl->TexImage2D(r->target, 0, (GLint)r->carried, r->width, r->height, 0,
			r->carried == GL_INTENSITY ? GL_LUMINANCE : r->carried, GL_UNSIGNED_BYTE,
			NULL);
	else
		t->gl->TexStorage2D(r->target, 1, r->carried, r->width, r->height);
}

static GLbitfield bits_of(GLenum attachment)
{
	return attachment == GL_DEPTH_ATTACHMENT      ? GL_DEPTH_BUFFER_BIT
		: attachment == GL_STENCIL_ATTACHMENT ? GL_STENCIL_BUFFER_BIT
						      : GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT;
}

/* To the texture. */
static void copy_out(struct take *t, const struct renderbuffer *r, GLuint carrier)
{
	GLuint framebuffers[2];
	if (!r->attachment) {
		t->gl->CopyImageSubData(r->driver, GL_RENDERBUFFER, 0, 0, 0, 0, carrier, r->target,
			0, 0, 0, 0, r->width, r->height, 1);
		return;
	}
	t->gl->GenFramebuffers(2, framebuffers);
	t->gl->BindFramebuffer(GL_READ_FRAMEBUFFER, framebuffers[0]);
	t->gl->BindFramebuffer(GL_DRAW_FRAMEBUFFER, framebuffers[1]);
	t->gl->FramebufferRenderbuffer(
		GL_READ_FRAMEBUFFER, r->attachment, GL_RENDERBUFFER, r->driver);
	t->gl->FramebufferTexture2D(GL_DRAW_FRAMEBUFFER, r->attachment, r->target, carrier, 0);
	t->gl->BlitFramebuffer(0, 0, r->width, r->height, 0, 0, r->width, r->height,
		bits_of(r->attachment), GL_NEAREST);
	t->gl->DeleteFramebuffers(2, framebuffers);
}

/* Back from the texture. */
static void put_copy(struct take *t, const struct renderbuffer *r, GLuint carrier)
{
	struct stream *s = &t->out;
	static const GLuint framebuffers[2] = {TAKE_SPARE, TAKE_SPARE + 1};
	if (!r->attachment) {
		PUT(s, glCopyImageSubData, .srcName = carrier, .srcTarget = r->target,
			.dstName = r->name, .dstTarget = GL_RENDERBUFFER, .srcWidth = r->width,
			.srcHeight = r->height, .srcDepth = 1);
		return;
	}
	PUT(s, glGenFramebuffers, .n = 2,
		.framebuffers = stream_data(s, framebuffers, sizeof(framebuffers)));
	PUT(s, glBindFramebuffer, .target = GL_READ_FRAMEBUFFER, .framebuffer = framebuffers[0]);
	PUT(s, glBindFramebuffer, .target = GL_DRAW_FRAMEBUFFER, .framebuffer = framebuffers[1]);
	PUT(s, glFramebufferTexture2D, .target = GL_READ_FRAMEBUFFER, .attachment = r->attachment,
		.textarget = r->target, .texture = carrier);
	PUT(s, glFramebufferRenderbuffer, .target = GL_DRAW_FRAMEBUFFER,
		.attachment = r->attachment, .renderbuffertarget = GL_RENDERBUFFER,
		.renderbuffer = r->name);
	PUT(s, glBlitFramebuffer, .srcX1 = r->width, .srcY1 = r->height, .dstX1 = r->width,
		.dstY1 = r->height, .mask = bits_of(r->attachment), .filter = GL_NEAREST);
	PUT(s, glDeleteFramebuffers, .n = 2,
		.framebuffers = stream_data(s, framebuffers, sizeof(framebuffers)));
}

static void put_contents(struct take *t, const struct renderbuffer *r)
{
	GLuint carrier = 0;
	const GLuint spare = TAKE_SPARE;
	t->gl->GenTextures(1, &carrier);
	t->gl->BindTexture(r->target, carrier);
	make_storage(t, r);
	copy_out(t, r, carrier);
	if (take_failed(t))
		take_refuse(t, "a renderbuffer of format 0x%x cannot be read", r->format);
	PUT_NAME(&t->out, glGenTextures, textures, spare);
	PUT(&t->out, glBindTexture, .target = r->target, .texture = spare);
	if (r->samples)
		take_multisampled(t, r->target, spare, carrier);
	else
		take_texture(t, r->target, carrier);
	put_copy(t, r, spare);
	PUT_NAME(&t->out, glDeleteTextures, textures, spare);
	t->gl->DeleteTextures(1, &carrier);
}

static void put_renderbuffer(struct take *t, GLuint name, GLuint driver)
{
	struct renderbuffer r = {.name = name,
		.driver = driver,
		.width = value_of(t, driver, GL_RENDERBUFFER_WIDTH),
		.height = value_of(t, driver, GL_RENDERBUFFER_HEIGHT),
		.samples = value_of(t, driver, GL_RENDERBUFFER_SAMPLES),
		.format = (GLenum)value_of(t, driver, GL_RENDERBUFFER_INTERNAL_FORMAT)};
	if (!r.width || !r.height)
		return;
	PUT(&t->out, glNamedRenderbufferStorageMultisample, .renderbuffer = name,
		.samples = r.samples, .internalformat = r.format, .width = r.width,
		.height = r.height);
	choose_carrier(t, &r);
	put_contents(t, &r);
}

void take_renderbuffers(struct take *t)
{
	struct names *names = t->names[NAMES_renderbuffer];
	for (GLuint name = 0; (name = names_next(names, name));) {
		const GLuint driver = names_to_driver(names, name);
		const bool made = t->gl->IsRenderbuffer(driver);
		if (!made && names_foreign(driver))
			continue;
		if (made)
			PUT_NAME(&t->out, glCreateRenderbuffers, renderbuffers, name);
		else
			PUT_NAME(&t->out, glGenRenderbuffers, renderbuffers, name);
		if (made)
			put_renderbuffer(t, name, driver);
		if (made)
			take_label(t, GL_RENDERBUFFER, name, driver);
	}
}
