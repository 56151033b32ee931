#include "glproxy/samples.h"

#include "hand.h"

#include <stdio.h>
#include <string.h>

/* ---- drawing over the whole of a framebuffer ---- */

struct pass {
	const struct driver *gl;
	GLuint program, framebuffer, arrays;
};

static GLuint compile(const struct driver *gl, GLenum type, const char *source)
{
	const GLuint shader = gl->CreateShader(type);
	gl->ShaderSource(shader, 1, &source, NULL);
	gl->CompileShader(shader);
	return shader;
}

static GLuint link_program(const struct driver *gl, const char *fragment)
{
	static const char vertex[] = "#version 400\n"
				     "void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1,\n"
				     "gl_VertexID == 2 ? 3 : -1, 0, 1); }\n";
	const GLuint shaders[] = {
		compile(gl, GL_VERTEX_SHADER, vertex), compile(gl, GL_FRAGMENT_SHADER, fragment)};
	const GLuint program = gl->CreateProgram();
	for (size_t i = 0; i < array_len(shaders); i++) {
		gl->AttachShader(program, shaders[i]);
		gl->DeleteShader(shaders[i]);
	}
	gl->LinkProgram(program);
	return program;
}

static void pass_begin(struct pass *pass, const char *fragment, GLsizei width, GLsizei height)
{
	const struct driver *gl = pass->gl;
	pass->program = link_program(gl, fragment);
	gl->GenFramebuffers(1, &pass->framebuffer);
	gl->GenVertexArrays(1, &pass->arrays);
	gl->UseProgram(pass->program);
	gl->BindFramebuffer(GL_FRAMEBUFFER, pass->framebuffer);
	gl->BindVertexArray(pass->arrays);
	gl->Viewport(0, 0, width, height);
	gl->Enable(GL_FRAMEBUFFER_SRGB);
	gl->Disable(GL_DITHER);
}

static void pass_number(const struct pass *pass, const char *name, GLint value)
{
	pass->gl->Uniform1i(pass->gl->GetUniformLocation(pass->program, name), value);
}

static void pass_end(struct pass *pass)
{
	const struct driver *gl = pass->gl;
	gl->Disable(GL_FRAMEBUFFER_SRGB);
	gl->Enable(GL_DITHER);
	gl->BindVertexArray(0);
	gl->BindFramebuffer(GL_FRAMEBUFFER, 0);
	gl->UseProgram(0);
	gl->DeleteVertexArrays(1, &pass->arrays);
	gl->DeleteFramebuffers(1, &pass->framebuffer);
	gl->DeleteProgram(pass->program);
}

/* What a shader calls values of a type, as in isampler and ivec. */
static const char *letter_of(GLenum type)
{
	return type == GL_INT ? "i" : type == GL_UNSIGNED_INT ? "u" : "";
}

/* An array texture of a slice each; bound. */
static GLuint make_carrier(
	const struct driver *gl, const struct samples *m, GLint internal, GLenum type)
{
	GLuint carrier = 0;
	const bool whole = type == GL_INT || type == GL_UNSIGNED_INT;
	gl->GenTextures(1, &carrier);
	gl->BindTexture(GL_TEXTURE_2D_ARRAY, carrier);
	gl->TexImage3D(GL_TEXTURE_2D_ARRAY, 0, internal, m->width, m->height,
		m->layers * m->samples, 0, whole ? GL_RGBA_INTEGER : GL_RGBA, type, NULL);
	gl->TexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	gl->TexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	return carrier;
}

/* Into a carrier's slices; false where the driver cannot. */
static bool read_slices(
	const struct driver *gl, const struct samples *m, GLuint carrier, GLenum type)
{
	char source[512];
	struct pass pass = {.gl = gl};
	const bool array = m->target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY;
	const char *letter = letter_of(type), *place = "ivec2(gl_FragCoord.xy)";
	snprintf(source, sizeof(source),
		"#version 400\n"
		"uniform %ssampler2DMS%s from; uniform int layer, which; out %svec4 to;\n"
		"void main() { to = texelFetch(from, %s%s%s, which); }\n",
		letter, array ? "Array" : "", letter, array ? "ivec3(" : "", place,
		array ? ", layer)" : "");
	pass_begin(&pass, source, m->width, m->height);
	for (GLint slice = 0; slice < m->layers * m->samples; slice++) {
		pass_number(&pass, "layer", slice / m->samples);
		pass_number(&pass, "which", slice % m->samples);
		gl->FramebufferTextureLayer(
			GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, carrier, 0, slice);
		gl->DrawArrays(GL_TRIANGLES, 0, 3);
	}
	const bool good = gl->CheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE;
	pass_end(&pass);
	return good;
}

/* ---- out of samples: a snapshot ---- */

static GLint level_value(struct take *t, GLenum target, GLenum pname)
{
	GLint value = 0;
	t->gl->GetTexLevelParameteriv(target, 0, pname, &value);
	return take_failed(t) ? 0 : value;
}

static void describe(struct take *t, struct samples *m)
{
	m->width = level_value(t, m->target, GL_TEXTURE_WIDTH);
	m->height = level_value(t, m->target, GL_TEXTURE_HEIGHT);
	m->layers = level_value(t, m->target, GL_TEXTURE_DEPTH);
	m->samples = level_value(t, m->target, GL_TEXTURE_SAMPLES);
	m->internal = level_value(t, m->target, GL_TEXTURE_INTERNAL_FORMAT);
	m->fixed = level_value(t, m->target, GL_TEXTURE_FIXED_SAMPLE_LOCATIONS);
}

/* One kind of values (GL_COLOR, GL_DEPTH, GL_STENCIL), and the message that puts them back. */
static void put_values(
	struct take *t, const struct samples *m, GLenum kind, GLint internal, GLenum type)
{
	const GLuint spare = TAKE_SPARE + 1;
	const GLuint carrier = make_carrier(t->gl, m, internal, type);
	t->gl->BindTexture(m->target, m->driver);
	if (!read_slices(t->gl, m, carrier, type) || take_failed(t))
		take_refuse(t, "samples of format 0x%x cannot be read", (unsigned)m->internal);
	PUT(&t->out, glGenTextures, .n = 1,
		.textures = stream_data(&t->out, &spare, sizeof(spare)));
	PUT(&t->out, glBindTexture, .target = GL_TEXTURE_2D_ARRAY, .texture = spare);
	take_texture(t, GL_TEXTURE_2D_ARRAY, carrier);
	PUT(&t->out, ckSamples, .texture = m->name, .carrier = spare, .target = m->target,
		.kind = kind, .type = type, .width = m->width, .height = m->height,
		.layers = m->layers, .samples = m->samples);
	PUT(&t->out, glDeleteTextures, .n = 1,
		.textures = stream_data(&t->out, &spare, sizeof(spare)));
	t->gl->DeleteTextures(1, &carrier);
	t->gl->BindTexture(m->target, m->driver);
}

static void put_depths(struct take *t, const struct samples *m, bool depth, bool stencil)
{
	GLint mode = GL_DEPTH_COMPONENT;
	t->gl->GetTexParameteriv(m->target, GL_DEPTH_STENCIL_TEXTURE_MODE, &mode);
	if (depth) {
		t->gl->TexParameteri(m->target, GL_DEPTH_STENCIL_TEXTURE_MODE, GL_DEPTH_COMPONENT);
		put_values(t, m, GL_DEPTH, GL_R32F, GL_FLOAT);
	}
	if (stencil) {
		t->gl->TexParameteri(m->target, GL_DEPTH_STENCIL_TEXTURE_MODE, GL_STENCIL_INDEX);
		put_values(t, m, GL_STENCIL, GL_R8UI, GL_UNSIGNED_INT);
	}
	t->gl->TexParameteri(m->target, GL_DEPTH_STENCIL_TEXTURE_MODE, mode);
	take_failed(t);
}

static const GLenum swizzles[] = {
	GL_TEXTURE_SWIZZLE_R, GL_TEXTURE_SWIZZLE_G, GL_TEXTURE_SWIZZLE_B, GL_TEXTURE_SWIZZLE_A};

static void put_contents(struct take *t, const struct samples *m)
{
	const bool depth = level_value(t, m->target, GL_TEXTURE_DEPTH_SIZE);
	const bool stencil = level_value(t, m->target, GL_TEXTURE_STENCIL_SIZE);
	const GLenum type = (GLenum)level_value(t, m->target, GL_TEXTURE_RED_TYPE);
	static const GLenum plain[] = {GL_RED, GL_GREEN, GL_BLUE, GL_ALPHA};
	GLint before[array_len(swizzles)] = {0};
	for (size_t i = 0; i < array_len(swizzles); i++) {
		t->gl->GetTexParameteriv(m->target, swizzles[i], &before[i]);
		t->gl->TexParameteri(m->target, swizzles[i], (GLint)plain[i]);
	}
	if (depth || stencil)
		put_depths(t, m, depth, stencil);
	else
		put_values(t, m, GL_COLOR, m->internal,
			type == GL_INT || type == GL_UNSIGNED_INT ? type : GL_FLOAT);
	for (size_t i = 0; i < array_len(swizzles); i++)
		t->gl->TexParameteri(m->target, swizzles[i], before[i]);
}

static void put_storage(struct take *t, const struct samples *m)
{
	GLint immutable = 0;
	const bool array = m->target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY;
	const GLenum format = (GLenum)m->internal;
	const GLboolean fixed = (GLboolean)m->fixed;
	t->gl->GetTexParameteriv(m->target, GL_TEXTURE_IMMUTABLE_FORMAT, &immutable);
	if (immutable && array)
		PUT(&t->out, glTexStorage3DMultisample, .target = m->target, .samples = m->samples,
			.internalformat = format, .width = m->width, .height = m->height,
			.depth = m->layers, .fixedsamplelocations = fixed);
	else if (immutable)
		PUT(&t->out, glTexStorage2DMultisample, .target = m->target, .samples = m->samples,
			.internalformat = format, .width = m->width, .height = m->height,
			.fixedsamplelocations = fixed);
	else if (array)
		PUT(&t->out, glTexImage3DMultisample, .target = m->target, .samples = m->samples,
			.internalformat = format, .width = m->width, .height = m->height,
			.depth = m->layers, .fixedsamplelocations = fixed);
	else
		PUT(&t->out, glTexImage2DMultisample, .target = m->target, .samples = m->samples,
			.internalformat = format, .width = m->width, .height = m->height,
			.fixedsamplelocations = fixed);
}

static void put_swizzles(struct take *t, GLenum target)
{
	for (size_t i = 0; i < array_len(swizzles); i++) {
		GLint value = 0;
		t->gl->GetTexParameteriv(target, swizzles[i], &value);
		if (!take_failed(t))
			PUT(&t->out, glTexParameteri, .target = target, .pname = swizzles[i],
				.param = value);
	}
}

void take_multisampled(struct take *t, GLenum target, GLuint name, GLuint driver)
{
	struct samples m = {.target = target, .name = name, .driver = driver};
	describe(t, &m);
	if (!m.width)
		return;
	put_storage(t, &m);
	put_contents(t, &m);
	PUT(&t->out, glBindTexture, .target = target, .texture = name);
	put_swizzles(t, target);
}

void take_multisampled_view(struct take *t, GLenum target, GLuint name, GLuint driver, bool fill)
{
	struct samples m = {.target = target, .name = name, .driver = driver};
	describe(t, &m);
	if (fill)
		put_contents(t, &m);
	PUT(&t->out, glBindTexture, .target = target, .texture = name);
	put_swizzles(t, target);
}

/* ---- and back ---- */

static void attach_at(const struct driver *gl, GLenum place, const struct samples *to,
	GLuint texture, GLint layer)
{
	if (to->target == GL_TEXTURE_2D_MULTISAMPLE_ARRAY)
		gl->FramebufferTextureLayer(GL_FRAMEBUFFER, place, texture, 0, layer);
	else
		gl->FramebufferTexture2D(
			GL_FRAMEBUFFER, place, GL_TEXTURE_2D_MULTISAMPLE, texture, 0);
}

/* What has both depths and stencils is attached as both: drivers expect it. */
static void attach(const struct driver *gl, const struct samples *to, GLenum kind, GLint layer)
{
	const bool depth = kind == GL_DEPTH;
	if (kind == GL_COLOR) {
		attach_at(gl, GL_COLOR_ATTACHMENT0, to, to->driver, layer);
		return;
	}
	attach_at(gl, depth ? GL_DEPTH_ATTACHMENT : GL_STENCIL_ATTACHMENT, to, to->driver, layer);
	attach_at(gl, depth ? GL_STENCIL_ATTACHMENT : GL_DEPTH_ATTACHMENT, to, to->driver, layer);
	if (gl->CheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		attach_at(gl, depth ? GL_STENCIL_ATTACHMENT : GL_DEPTH_ATTACHMENT, to, 0, layer);
}

static void write_source(char *source, size_t size, GLenum kind, GLenum type)
{
	const char *letter = letter_of(type);
	snprintf(source, size,
		"#version 400\n"
		"uniform %ssampler2DArray from; uniform sampler2DArray came; uniform int slice, "
		"bit;\n%s%s%s"
		"void main() { %svec4 found = texelFetch(from, ivec3(gl_FragCoord.xy, slice), 0);\n"
		"%s }\n",
		letter, kind == GL_COLOR ? "out " : "", kind == GL_COLOR ? letter : "",
		kind == GL_COLOR ? "vec4 to;\n" : "", letter,
		kind == GL_COLOR ? "to = found;"
			: kind == GL_DEPTH
			? "float r = texelFetch(came, ivec3(gl_FragCoord.xy, slice), 0).r;\n"
			  "gl_FragDepth = bit == 0 ? found.r : found.r - 0.5 * (r - found.r);"
			: "if ((int(found.r) & bit) == 0) discard;");
}

/* Each bit of a stencil is set where it is in the carrier. */
static void draw_stencils(const struct pass *pass)
{
	const struct driver *gl = pass->gl;
	for (GLuint bit = 1; bit < 256; bit *= 2) {
		pass_number(pass, "bit", (GLint)bit);
		gl->StencilMask(bit);
		gl->DrawArrays(GL_TRIANGLES, 0, 3);
	}
	gl->StencilMask(~0u);
}

static void set_tests(const struct driver *gl, GLenum kind)
{
	gl->Enable(GL_SAMPLE_MASK);
	if (kind == GL_DEPTH) {
		gl->Enable(GL_DEPTH_TEST);
		gl->DepthFunc(GL_ALWAYS);
	}
	if (kind == GL_STENCIL) {
		gl->Enable(GL_STENCIL_TEST);
		gl->StencilFunc(GL_ALWAYS, 255, ~0u);
		gl->StencilOp(GL_KEEP, GL_KEEP, GL_REPLACE);
	}
}

static void reset_tests(const struct driver *gl)
{
	gl->SampleMaski(0, ~0u);
	gl->Disable(GL_SAMPLE_MASK);
	gl->Disable(GL_DEPTH_TEST);
	gl->DepthFunc(GL_LESS);
	gl->Disable(GL_STENCIL_TEST);
	gl->StencilFunc(GL_ALWAYS, 0, ~0u);
	gl->StencilOp(GL_KEEP, GL_KEEP, GL_KEEP);
}

static void write_layer(const struct pass *pass, const struct samples *to, GLenum kind, GLint layer)
{
	const struct driver *gl = pass->gl;
	attach(gl, to, kind, layer);
	if (kind == GL_STENCIL)
		gl->Clear(GL_STENCIL_BUFFER_BIT);
	for (GLint sample = 0; sample < to->samples; sample++) {
		gl->SampleMaski(0, 1u << sample);
		pass_number(pass, "slice", layer * to->samples + sample);
		if (kind == GL_STENCIL)
			draw_stencils(pass);
		else
			gl->DrawArrays(GL_TRIANGLES, 0, 3);
	}
}

/* `again`: depths come out a step off where the driver rounds twice, and half a step less is right.
 * Unit 1 has what they came out as. */
static void write_values(
	const struct driver *gl, const struct samples *to, GLenum kind, GLenum type, bool again)
{
	char source[768];
	struct pass pass = {.gl = gl};
	write_source(source, sizeof(source), kind, type);
	pass_begin(&pass, source, to->width, to->height);
	pass_number(&pass, "came", 1);
	pass_number(&pass, "bit", again);
	set_tests(gl, kind);
	for (GLint layer = 0; layer < to->layers; layer++)
		write_layer(&pass, to, kind, layer);
	reset_tests(gl);
	pass_end(&pass);
}

static void correct_depths(const struct driver *gl, const struct samples *to)
{
	gl->ActiveTexture(GL_TEXTURE1);
	const GLuint came = make_carrier(gl, to, GL_R32F, GL_FLOAT);
	gl->ActiveTexture(GL_TEXTURE0);
	gl->BindTexture(to->target, to->driver);
	read_slices(gl, to, came, GL_FLOAT);
	gl->BindTexture(to->target, 0);
	write_values(gl, to, GL_DEPTH, GL_FLOAT, true);
	gl->DeleteTextures(1, &came);
}

/* In the state of an empty context, which it leaves but for the viewport. */
void proxy_ckSamples(struct exec *x, GLuint texture, GLuint carrier, GLenum target, GLenum kind,
	GLenum type, GLsizei width, GLsizei height, GLint layers, GLint samples)
{
	const struct samples to = {.target = target,
		.driver = texture,
		.width = width,
		.height = height,
		.layers = layers,
		.samples = samples};
	if (!x->rebuilding || samples < 1 || samples > 32) {
		exec_refuse(x, "a message of snapshots");
		return;
	}
	x->driver->BindTexture(GL_TEXTURE_2D_ARRAY, carrier);
	write_values(x->driver, &to, kind, type, false);
	if (kind == GL_DEPTH)
		correct_depths(x->driver, &to);
	x->driver->BindTexture(GL_TEXTURE_2D_ARRAY, 0);
}

/* ---- as pixels ---- */

bool samples_get(const struct driver *gl, const struct samples *m, const struct samples_form *form,
	void *pixels)
{
	gl->BindTexture(GL_TEXTURE_2D_ARRAY, 0);
	const GLuint carrier = make_carrier(gl, m, form->internal, form->type);
	gl->BindTexture(m->target, m->driver);
	if (form->kind == GL_STENCIL)
		gl->TexParameteri(m->target, GL_DEPTH_STENCIL_TEXTURE_MODE, GL_STENCIL_INDEX);
	const bool good = read_slices(gl, m, carrier, form->type);
	if (form->kind == GL_STENCIL)
		gl->TexParameteri(m->target, GL_DEPTH_STENCIL_TEXTURE_MODE, GL_DEPTH_COMPONENT);
	gl->GetTexImage(GL_TEXTURE_2D_ARRAY, 0, form->format, form->pixel, pixels);
	gl->DeleteTextures(1, &carrier);
	return good && !gl->GetError();
}

bool samples_put(const struct driver *gl, const struct samples *m, const struct samples_form *form,
	const void *pixels)
{
	const GLuint carrier = make_carrier(gl, m, form->internal, form->type);
	gl->TexSubImage3D(GL_TEXTURE_2D_ARRAY, 0, 0, 0, 0, m->width, m->height,
		m->layers * m->samples, form->format, form->pixel, pixels);
	write_values(gl, m, form->kind, form->type, false);
	if (form->kind == GL_DEPTH)
		correct_depths(gl, m);
	gl->BindTexture(GL_TEXTURE_2D_ARRAY, 0);
	gl->DeleteTextures(1, &carrier);
	return !gl->GetError();
}
