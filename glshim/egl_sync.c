/*
 * EGL: fence syncs (EGL 1.5, 3.8), made of GL's.
 */
#include "glshim/egl.h"

#include "entries.h"

#include <stdlib.h>

struct egl_sync {
	GLsync gl;
	bool signaled;
};

static EGLSync CreateSync(EGLDisplay handle, EGLenum type, const EGLAttrib *attributes)
{
	if (!egl_display_of(handle))
		return EGL_NO_SYNC;
	if (type != EGL_SYNC_FENCE) {
		egl_fail(EGL_BAD_ATTRIBUTE);
		return EGL_NO_SYNC;
	}
	struct egl_sync *sync = context_current() ? calloc(1, sizeof(*sync)) : NULL;
	if (!sync) {
		egl_fail(EGL_BAD_MATCH);
		return EGL_NO_SYNC;
	}
	sync->gl = shim_glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	egl_done();
	return sync;
}

static EGLSyncKHR CreateSyncKHR(EGLDisplay handle, EGLenum type, const EGLint *attributes)
{
	return CreateSync(handle, type, NULL);
}

static EGLBoolean DestroySync(EGLDisplay handle, EGLSync handle_sync)
{
	struct egl_sync *sync = handle_sync;
	if (!egl_display_of(handle))
		return EGL_FALSE;
	if (!sync)
		return egl_fail(EGL_BAD_PARAMETER);
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
	struct egl_sync *sync = handle_sync;
	if (!egl_display_of(handle))
		return EGL_FALSE;
	if (!sync)
		return (EGLint)egl_fail(EGL_BAD_PARAMETER);
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
	const struct egl_sync *sync = handle_sync;
	if (!egl_display_of(handle))
		return EGL_FALSE;
	if (!sync || flags)
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
	struct egl_sync *sync = handle_sync;
	if (!egl_display_of(handle))
		return EGL_FALSE;
	if (!sync)
		return egl_fail(EGL_BAD_PARAMETER);
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
