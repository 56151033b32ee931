#include "glshim/glx_geometry.h"

#include <X11/Xlibint.h>
#include <X11/Xproto.h>

/* Xlib's macros want the display to be called dpy. */

/* With the display locked: errors of the next request are noted here instead of told. */
static void begin_quiet(Display *dpy, _XAsyncHandler *handler, _XAsyncErrorState *state)
{
	*state = (_XAsyncErrorState){
		.min_sequence_number = dpy->request + 1, .max_sequence_number = dpy->request + 1};
	*handler = (_XAsyncHandler){.next = dpy->async_handlers,
		.handler = _XAsyncErrorHandler,
		.data = (XPointer)state};
	dpy->async_handlers = handler;
}

bool glx_geometry(Display *dpy, Drawable drawable, struct glx_geometry *found)
{
	xGetGeometryReply reply;
	xResourceReq *req;
	_XAsyncErrorState state;
	_XAsyncHandler handler;
	LockDisplay(dpy);
	begin_quiet(dpy, &handler, &state);
	GetResReq(GetGeometry, drawable, req);
	const bool there = _XReply(dpy, (xReply *)&reply, 0, xTrue);
	DeqAsyncHandler(dpy, &handler);
	UnlockDisplay(dpy);
	SyncHandle();
	if (there)
		*found = (struct glx_geometry){reply.root, reply.width, reply.height, reply.depth};
	return there;
}

VisualID glx_window_visual(Display *dpy, Window window)
{
	xGetWindowAttributesReply reply;
	xResourceReq *req;
	_XAsyncErrorState state;
	_XAsyncHandler handler;
	LockDisplay(dpy);
	begin_quiet(dpy, &handler, &state);
	GetResReq(GetWindowAttributes, window, req);
	const bool there = _XReply(dpy, (xReply *)&reply,
		(SIZEOF(xGetWindowAttributesReply) - SIZEOF(xReply)) >> 2, xTrue);
	DeqAsyncHandler(dpy, &handler);
	UnlockDisplay(dpy);
	SyncHandle();
	return there ? reply.visualID : 0;
}
