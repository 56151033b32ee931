#include "glshim/glx_error.h"

#include <X11/Xlibint.h>
#include <X11/Xproto.h>

/* An error as the X server would send it: GLX's own are numbered from the extension's first, where
 * the server has GLX. */
void glx_error(Display *display, unsigned char code, XID resource, bool core)
{
	int major = 0, event = 0, first = 0;
	const Bool has_glx = XQueryExtension(display, "GLX", &major, &event, &first);
	if (!core && !has_glx)
		return;
	LockDisplay(display);
	xError error = {.type = X_Error,
		.errorCode = (BYTE)(core ? code : first + code),
		.resourceID = (CARD32)resource,
		.sequenceNumber = (CARD16)display->request,
		.majorCode = (CARD8)major};
	_XError(display, &error);
	UnlockDisplay(display);
}
