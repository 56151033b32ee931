/* Textures and renderbuffers that are not plain. */
#include "kinds.h"

static GLuint framebuffer, buffers[2];

static void draw_samples(void)
{
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		fail("not complete");
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
	glEnable(GL_DEPTH_TEST);
	glEnable(GL_STENCIL_TEST);
	glStencilOp(GL_KEEP, GL_KEEP, GL_INCR);
	glStencilFunc(GL_ALWAYS, 0, 255);
	glBegin(GL_TRIANGLES);
	glColor3f(1, 0.5f, 0);
	glVertex3f(-1, -0.9f, -0.5f);
	glVertex3f(0.8f, -1, 0.5f);
	glColor3f(0, 0.25f, 1);
	glVertex3f(0.1f, 0.9f, 0);
	glEnd();
	fill(2, 3, 21, 9, 0, 1, 0);
	glStencilOp(GL_KEEP, GL_KEEP, GL_KEEP);
}

/* What lies behind, and where nothing was drawn: each of depths and stencils is looked at. */
static void say_samples(void)
{
	glStencilFunc(GL_EQUAL, 0, 255);
	fill(0, 0, 64, 20, 1, 0, 1);
	glStencilFunc(GL_EQUAL, 1, 255);
	glDisable(GL_STENCIL_TEST);
	glDepthFunc(GL_LESS);
	fill(0, 30, 64, 40, 1, 1, 1);
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, 0);
	glBlitFramebuffer(0, 0, 64, 64, 0, 0, 64, 64, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	glBindFramebuffer(GL_READ_FRAMEBUFFER, 0);
	say_picture("resolved");
}

static void begin_renderbuffers(void)
{
	static const GLenum formats[] = {GL_SRGB8_ALPHA8, GL_DEPTH24_STENCIL8};
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenRenderbuffers(2, buffers);
	for (int i = 0; i < 2; i++) {
		glBindRenderbuffer(GL_RENDERBUFFER, buffers[i]);
		glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, formats[i], 64, 64);
		glFramebufferRenderbuffer(GL_FRAMEBUFFER,
			i ? GL_DEPTH_STENCIL_ATTACHMENT : GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER,
			buffers[i]);
	}
	draw_samples();
}

/* ---- */

static void begin_multisampled(void)
{
	static const GLenum formats[] = {GL_RGBA16F, GL_DEPTH32F_STENCIL8};
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenTextures(2, buffers);
	for (int i = 0; i < 2; i++) {
		glBindTexture(GL_TEXTURE_2D_MULTISAMPLE, buffers[i]);
		glTexImage2DMultisample(GL_TEXTURE_2D_MULTISAMPLE, 4, formats[i], 64, 64, GL_TRUE);
		glFramebufferTexture2D(GL_FRAMEBUFFER,
			i ? GL_DEPTH_STENCIL_ATTACHMENT : GL_COLOR_ATTACHMENT0,
			GL_TEXTURE_2D_MULTISAMPLE, buffers[i], 0);
	}
	draw_samples();
}

/* ---- */

static GLuint layers;

static void begin_samples(void)
{
	glGenTextures(1, &layers);
	glBindTexture(GL_TEXTURE_2D_MULTISAMPLE_ARRAY, layers);
	glTexStorage3DMultisample(
		GL_TEXTURE_2D_MULTISAMPLE_ARRAY, 4, GL_RGBA16F, 64, 64, 3, GL_TRUE);
	for (int i = 0; i < 3; i++) {
		GLuint passing;
		glGenFramebuffers(1, &passing);
		glBindFramebuffer(GL_FRAMEBUFFER, passing);
		glFramebufferTextureLayer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, layers, 0, i);
		glClearColor(0.5f, (float)i / 2, 0, 1);
		glClear(GL_COLOR_BUFFER_BIT);
		fill(i * 20, 3, i * 20 + 15, 60, 0, 0, 1);
		glBegin(GL_LINES);
		glVertex2f(-1, -1);
		glVertex2f(1, 0.7f);
		glEnd();
		glDeleteFramebuffers(1, &passing);
	}
}

/* Each sample by itself. */
static void end_samples(void)
{
	GLuint program = make_program(NULL,
		"#version 450 compatibility\n"
		"uniform sampler2DMSArray from; uniform int layer, which;\n"
		"void main() { gl_FragColor = texelFetch(from, ivec3(gl_FragCoord.xy, layer), "
		"which); }\n");
	glUseProgram(program);
	for (int i = 0; i < 12; i++) {
		glUniform1i(glGetUniformLocation(program, "layer"), i / 4);
		glUniform1i(glGetUniformLocation(program, "which"), i % 4);
		fill(0, 0, 64, 64, 1, 1, 1);
		say_picture("sample");
	}
}

/* ---- formats that the driver chooses the size of ---- */

static void make_unsized(GLenum colours, GLenum depths, GLenum attachment, GLsizei samples)
{
	GLuint names[2];
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glGenRenderbuffers(2, names);
	for (int i = 0; i < 2; i++) {
		glBindRenderbuffer(GL_RENDERBUFFER, names[i]);
		glRenderbufferStorageMultisample(
			GL_RENDERBUFFER, samples, i ? depths : colours, 64, 64);
		glFramebufferRenderbuffer(GL_FRAMEBUFFER, i ? attachment : GL_COLOR_ATTACHMENT0,
			GL_RENDERBUFFER, names[i]);
	}
	draw_samples();
}

static void begin_unsized(void)
{
	make_unsized(GL_RGBA, GL_DEPTH_COMPONENT24, GL_DEPTH_ATTACHMENT, 0);
}

static void begin_unsized_depths(void)
{
	make_unsized(GL_RGB, GL_DEPTH_COMPONENT, GL_DEPTH_ATTACHMENT, 0);
}

static void begin_unsized_samples(void)
{
	make_unsized(GL_RGBA8, GL_DEPTH_STENCIL, GL_DEPTH_STENCIL_ATTACHMENT, 4);
}

static void begin_unsized_stencils(void)
{
	make_unsized(GL_RED, GL_STENCIL_INDEX, GL_STENCIL_ATTACHMENT, 0);
}

/* ---- views: of one that stays, of one that is deleted, of a view ---- */

static GLuint views[6];

static void upload(GLuint name, GLint level, GLsizei size, GLint layer, GLubyte value)
{
	GLubyte pixels[64 * 4];
	for (unsigned i = 0; i < sizeof(pixels); i++)
		pixels[i] = (GLubyte)(value + i * 3);
	glTextureSubImage3D(
		name, level, 0, 0, layer, size, size, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
}

static void begin_views(void)
{
	GLuint gone;
	glCreateTextures(GL_TEXTURE_2D_ARRAY, 1, &gone);
	glTextureStorage3D(gone, 3, GL_RGBA8, 8, 8, 8);
	glCreateTextures(GL_TEXTURE_2D_ARRAY, 1, &views[0]);
	glTextureStorage3D(views[0], 2, GL_RGBA8UI, 4, 4, 2);
	glGenTextures(5, views + 1);
	glTextureView(views[1], GL_TEXTURE_2D, views[0], GL_RGBA8_SNORM, 1, 1, 1, 1);
	glTextureView(views[2], GL_TEXTURE_2D_ARRAY, gone, GL_RGBA8, 1, 2, 1, 7);
	glTextureView(views[3], GL_TEXTURE_CUBE_MAP, views[2], GL_SRGB8_ALPHA8, 0, 2, 1, 6);
	glTextureView(views[4], GL_TEXTURE_2D, gone, GL_R32F, 0, 1, 7, 1);
	glTextureView(views[5], GL_TEXTURE_2D, views[3], GL_RGBA8_SNORM, 1, 1, 2, 1);
	for (int layer = 0; layer < 8; layer++) {
		upload(gone, 0, 8, layer, (GLubyte)(layer * 7));
		upload(gone, 1, 4, layer, (GLubyte)(layer * 5));
		upload(gone, 2, 2, layer, (GLubyte)(layer * 11));
	}
	glDeleteTextures(1, &gone);
	glTextureParameteri(views[3], GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
}

static void say_view(const char *what, GLuint name, GLenum format, GLenum type, GLint level)
{
	GLubyte pixels[4096] = {0};
	unsigned sum = 0;
	GLint levels = 0, layer = 0;
	glGetTextureImage(name, level, format, type, sizeof(pixels), pixels);
	for (unsigned i = 0; i < sizeof(pixels); i++)
		sum = sum * 31 + pixels[i];
	glGetTextureParameteriv(name, GL_TEXTURE_VIEW_NUM_LEVELS, &levels);
	glGetTextureParameteriv(name, GL_TEXTURE_VIEW_MIN_LAYER, &layer);
	say("%s %08x, %d levels, from %d", what, sum, levels, layer);
}

static void end_views(void)
{
	static const GLuint value[] = {1, 2, 3, 200};
	GLint filter = 0;
	say_view("array", views[2], GL_RGBA, GL_UNSIGNED_BYTE, 0);
	say_view("cube", views[3], GL_RGBA, GL_UNSIGNED_BYTE, 1);
	say_view("floats", views[4], GL_RED, GL_FLOAT, 0);
	say_view("signed", views[5], GL_RGBA, GL_BYTE, 0);
	glClearTexSubImage(views[2], 1, 0, 0, 3, 1, 2, 1, GL_RGBA, GL_UNSIGNED_BYTE, value);
	say_view("cleared", views[5], GL_RGBA, GL_BYTE, 0);
	say_view("cleared", views[3], GL_RGBA, GL_UNSIGNED_BYTE, 1);
	glClearTexSubImage(views[0], 1, 0, 0, 1, 2, 2, 1, GL_RGBA_INTEGER, GL_UNSIGNED_INT, value);
	say_view("of one that stays", views[1], GL_RGBA, GL_BYTE, 0);
	glGetTextureParameteriv(views[3], GL_TEXTURE_MIN_FILTER, &filter);
	say("filter 0x%x", (unsigned)filter);
}

/* ---- a view of samples ---- */

static void begin_views_of_samples(void)
{
	GLuint whole;
	glGenTextures(1, &whole);
	glBindTexture(GL_TEXTURE_2D_MULTISAMPLE_ARRAY, whole);
	glTexStorage3DMultisample(GL_TEXTURE_2D_MULTISAMPLE_ARRAY, 4, GL_RGBA8, 64, 64, 3, GL_TRUE);
	glGenTextures(1, &layers);
	glTextureView(layers, GL_TEXTURE_2D_MULTISAMPLE, whole, GL_RGBA8, 0, 1, 2, 1);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(
		GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D_MULTISAMPLE, layers, 0);
	draw_samples();
	glDeleteTextures(1, &whole);
}

/* ---- a window with several samples a pixel ---- */

static void begin_window(void)
{
	glEnable(GL_MULTISAMPLE);
	draw_samples();
}

static void say_window(const char *what)
{
	GLuint passing;
	glGenTextures(1, &passing);
	glBindTexture(GL_TEXTURE_2D, passing);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, KIND_SIZE, KIND_SIZE);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(
		GL_DRAW_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, passing, 0);
	glBlitFramebuffer(0, 0, 64, 64, 0, 0, 64, 64, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	say_picture(what);
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
}

/* What is drawn over differs in single samples where those differ. */
static void end_window(void)
{
	say_window("back");
	glEnable(GL_STENCIL_TEST);
	glEnable(GL_DEPTH_TEST);
	glStencilFunc(GL_EQUAL, 0, 255);
	fill(0, 0, 64, 20, 1, 0, 1);
	glStencilFunc(GL_EQUAL, 1, 255);
	glDisable(GL_STENCIL_TEST);
	glDepthFunc(GL_LESS);
	fill(0, 30, 64, 40, 1, 1, 1);
	say_window("drawn over");
}

const struct kind kinds_texture[] = {{"unsized", begin_unsized, say_samples, 0},
	{"unsized-depths", begin_unsized_depths, say_samples, 0},
	{"unsized-samples", begin_unsized_samples, say_samples, 0},
	{"unsized-stencils", begin_unsized_stencils, say_samples, 0},
	{"renderbuffers", begin_renderbuffers, say_samples, 0},
	{"multisampled", begin_multisampled, say_samples, 0},
	{"samples", begin_samples, end_samples, 0},
	{"window-samples", begin_window, end_window, KIND_SAMPLES},
	{"single-samples", begin_window, end_window, KIND_SAMPLES | KIND_SINGLE},
	{"views", begin_views, end_views, 0},
	{"views-of-samples", begin_views_of_samples, say_samples, 0}, {0}};
