#define _GNU_SOURCE
#include "vnc/relative.h"

#include <rfb/rfb.h>

#define ENCODING (-257)

/* RFB's places are not negative: movements count from the middle. None is larger than a screen. */
#define MIDDLE 0x7fff
#define FARTHEST 0x3fff

/* What a viewer was told, as the extension's data. */
enum told {
	TOLD_NOTHING,
	TOLD_ABSOLUTE,
	TOLD_RELATIVE,
};

static rfbBool enable(rfbClientPtr client, void **data, int encoding)
{
	return encoding == ENCODING;
}

static int encodings[] = {ENCODING, 0};
static rfbProtocolExtension extension = {
	.pseudoEncodings = encodings, .enablePseudoEncoding = enable};

void relative_offer(void)
{
	rfbRegisterProtocolExtension(&extension);
}

/* NULL: the viewer does not know it. */
static rfbExtensionData *find(const struct _rfbClientRec *client)
{
	rfbExtensionData *found = client->extensions;
	while (found && found->extension != &extension)
		found = found->next;
	return found;
}

static bool say(rfbClientPtr client, bool relative)
{
	char message[sz_rfbFramebufferUpdateMsg + sz_rfbFramebufferUpdateRectHeader];
	const rfbFramebufferUpdateMsg update = {rfbFramebufferUpdate, 0, Swap16IfLE(1)};
	const rfbFramebufferUpdateRectHeader header = {
		.r = {.x = Swap16IfLE(!relative),
			.w = Swap16IfLE((uint16_t)client->screen->width),
			.h = Swap16IfLE((uint16_t)client->screen->height)},
		.encoding = Swap32IfLE((uint32_t)ENCODING)};
	memcpy(message, &update, sz_rfbFramebufferUpdateMsg);
	memcpy(message + sz_rfbFramebufferUpdateMsg, &header, sz_rfbFramebufferUpdateRectHeader);
	return rfbWriteExact(client, message, sizeof(message)) > 0;
}

void relative_tell(struct _rfbClientRec *client, bool relative)
{
	rfbExtensionData *found = find(client);
	void *told = (void *)(uintptr_t)(relative ? TOLD_RELATIVE : TOLD_ABSOLUTE);
	if (found && found->data != told && say(client, relative))
		found->data = told;
}

bool relative_is(const struct _rfbClientRec *client, int *x, int *y)
{
	const rfbExtensionData *found = find(client);
	const int by_x = *x - MIDDLE, by_y = *y - MIDDLE;
	if (!found || found->data != (void *)(uintptr_t)TOLD_RELATIVE || abs(by_x) > FARTHEST ||
		abs(by_y) > FARTHEST)
		return false;
	*x = by_x;
	*y = by_y;
	return true;
}

/* libvncserver (0.9.14) does not free the extensions of a viewer that goes. */
void relative_forget(struct _rfbClientRec *client)
{
	rfbExtensionData *ours = find(client), **at = &client->extensions;
	while (ours && *at != ours)
		at = &(*at)->next;
	if (ours)
		*at = ours->next;
	free(ours);
}
