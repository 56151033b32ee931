/*
 * EGL: fence syncs (EGL 1.5, 3.8), made of GL's.
 */
#include "glshim/egl.h"

#include "entries.h"

#include <stdlib.h>

struct egl_sync {
	struct egl_handle handle;
	GLsync gl;
	bool signaled;
};

/* The sync of a handle; else NULL, and the error is noted. */
static struct egl_sync *sync_of(EGLDisplay handle, EGLSync sync)
{
	struct egl_display *display = egl_display_of(handle);
	struct egl_sync *found = display ? egl_handle_of(display, sync, EGL_KIND_SYNC) : NULL;
	if (display && !found)
		egl_fail(EGL_BAD_PARAMETER);
	return found;
}

/* A fence is put into the commands of the current context, which is of the same display. */
static bool has_commands(const struct egl_display *display)
{
	const struct context *current = context_current();
	const struct egl_context *made = current ? current->tag : NULL;
	return made && made->display == display;
}

static EGLSync refuse(EGLint error)
{
	egl_fail(error);
	return EGL_NO_SYNC;
}

static EGLSync create(EGLDisplay handle, EGLenum type, bool attributes)
{
	struct egl_display *display = egl_display_of(handle);
	if (!display)
		return EGL_NO_SYNC;
	if (type != EGL_SYNC_FENCE || attributes)
		return refuse(EGL_BAD_ATTRIBUTE);
	if (!has_commands(display))
		return refuse(EGL_BAD_MATCH);
	struct egl_sync *sync = calloc(1, sizeof(*sync));
	if (!sync)
		return refuse(EGL_BAD_ALLOC);
	sync->gl = shim_glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	egl_handle_add(display, &sync->handle, EGL_KIND_SYNC);
	egl_done();
	return sync;
}

static EGLSync CreateSync(EGLDisplay handle, EGLenum type, const EGLAttrib *attributes)
{
	return create(handle, type, attributes && *attributes != EGL_NONE);
}

static EGLSyncKHR CreateSyncKHR(EGLDisplay handle, EGLenum type, const EGLint *attributes)
{
	return create(handle, type, attributes && *attributes != EGL_NONE);
}

static EGLBoolean DestroySync(EGLDisplay handle, EGLSync handle_sync)
{
	struct egl_sync *sync = sync_of(handle, handle_sync);
	if (!sync || !egl_handle_take(handle, sync, EGL_KIND_SYNC))
		return EGL_FALSE;
	shim_glDeleteSync(sync->gl);
	free(sync);
	return egl_done();
}

static EGLBoolean DestroySyncKHR(EGLDisplay handle, EGLSyncKHR sync)
{
	return DestroySync(handle, sync);
}

static EGLint ClientWaitSync(EGLDisplay handle, EGLSync handle_sync, EGLint flags, EGLTime timeout)
{
	struct egl_sync *sync = sync_of(handle, handle_sync);
	if (!sync)
		return EGL_FALSE;
	egl_done();
	if (sync->signaled)
		return EGL_CONDITION_SATISFIED;
	const GLenum result = shim_glClientWaitSync(sync->gl,
		flags & EGL_SYNC_FLUSH_COMMANDS_BIT ? GL_SYNC_FLUSH_COMMANDS_BIT : 0, timeout);
	sync->signaled = result != GL_TIMEOUT_EXPIRED;
	return sync->signaled ? EGL_CONDITION_SATISFIED : EGL_TIMEOUT_EXPIRED;
}

static EGLint ClientWaitSyncKHR(
	EGLDisplay handle, EGLSyncKHR sync, EGLint flags, EGLTimeKHR timeout)
{
	return ClientWaitSync(handle, sync, flags, timeout);
}

static EGLBoolean WaitSync(EGLDisplay handle, EGLSync handle_sync, EGLint flags)
{
	const struct egl_sync *sync = sync_of(handle, handle_sync);
	if (!sync)
		return EGL_FALSE;
	if (!context_current())
		return egl_fail(EGL_BAD_MATCH);
	if (flags)
		return egl_fail(EGL_BAD_PARAMETER);
	shim_glWaitSync(sync->gl, 0, GL_TIMEOUT_IGNORED);
	return egl_done();
}

static EGLint WaitSyncKHR(EGLDisplay handle, EGLSyncKHR sync, EGLint flags)
{
	return (EGLint)WaitSync(handle, sync, flags);
}

static EGLBoolean GetSyncAttrib(
	EGLDisplay handle, EGLSync handle_sync, EGLint attribute, EGLAttrib *value)
{
	struct egl_sync *sync = sync_of(handle, handle_sync);
	if (!sync)
		return EGL_FALSE;
	switch (attribute) {
	case EGL_SYNC_TYPE:
		*value = EGL_SYNC_FENCE;
		break;
	case EGL_SYNC_STATUS:
		if (!sync->signaled)
			sync->signaled =
				shim_glClientWaitSync(sync->gl, 0, 0) != GL_TIMEOUT_EXPIRED;
		*value = sync->signaled ? EGL_SIGNALED : EGL_UNSIGNALED;
		break;
	case EGL_SYNC_CONDITION:
		*value = EGL_SYNC_PRIOR_COMMANDS_COMPLETE;
		break;
	default:
		return egl_fail(EGL_BAD_ATTRIBUTE);
	}
	return egl_done();
}

static EGLBoolean GetSyncAttribKHR(
	EGLDisplay handle, EGLSyncKHR sync, EGLint attribute, EGLint *value)
{
	EGLAttrib wide;
	if (!GetSyncAttrib(handle, sync, attribute, &wide))
		return EGL_FALSE;
	*value = (EGLint)wide;
	return EGL_TRUE;
}

const struct egl_function egl_sync_functions[] = {
	EGL_FUNCTION(CreateSync),
	EGL_FUNCTION(CreateSyncKHR),
	EGL_FUNCTION(DestroySync),
	EGL_FUNCTION(DestroySyncKHR),
	EGL_FUNCTION(ClientWaitSync),
	EGL_FUNCTION(ClientWaitSyncKHR),
	EGL_FUNCTION(WaitSync),
	EGL_FUNCTION(WaitSyncKHR),
	EGL_FUNCTION(GetSyncAttrib),
	EGL_FUNCTION(GetSyncAttribKHR),
	{0},
};
