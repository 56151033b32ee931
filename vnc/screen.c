#define _GNU_SOURCE
#include "vnc/screen.h"

#include "base/io.h"
#include "base/log.h"
#include "vnc/relative.h"

#include <iconv.h>
#include <rfb/rfb.h>
#include <rfb/rfbregion.h>
#include <string.h>
#include <sys/socket.h>

/* A viewer that takes nothing for so long is let go. */
#define SLOW_VIEWER_MS 20000

/* One that takes nothing for so long has to go where it holds up a new size of the screen. */
#define STUCK_VIEWER_MS 3000

/* With more of them there is always one that is being written to. */
#define MOVE_VIEWERS_MAX 16

/* How often a viewer's thread looks whether the handshake is over. */
#define GREETING_MS 5

/* ---- going through the viewers ---- */

/*
 * libvncserver (0.9.14) takes the first viewer from its list, and only then holds on to it: one
 * that was going in between was read after it had been freed. So whoever goes through the list, by
 * an iterator or by what libvncserver does with one, does it under this lock, and who goes waits
 * for it (on_gone()), when it is not in the list any more. The list's own lock is as global.
 */
static pthread_mutex_t list = PTHREAD_MUTEX_INITIALIZER;

static rfbClientIteratorPtr begin_list(rfbScreenInfoPtr rfb)
{
	pthread_mutex_lock(&list);
	return rfbGetClientIterator(rfb);
}

static void end_list(rfbClientIteratorPtr iterator)
{
	rfbReleaseClientIterator(iterator);
	pthread_mutex_unlock(&list);
}

/* ---- what viewers do: their threads ---- */

/* A viewer's clientData. */
struct viewer {
	rfbPixelFormat format; /* that pixels are sent in */
	uintptr_t since;       /* ms: in the way of a new size at every try; 0: it was not */
};

static struct screen *screen_of(const rfbClientPtr client)
{
	return client->screen->screenData;
}

static struct input *input_of(const rfbClientPtr client)
{
	return screen_of(client)->input;
}

/* libvncserver keeps back what those do who only look, but not all of it. */
static void put(rfbClientPtr client, const struct input_event *event)
{
	if (client->viewOnly)
		free(event->text);
	else
		input_put(input_of(client), event);
}

static void on_key(rfbBool down, rfbKeySym keysym, rfbClientPtr client)
{
	put(client, &(struct input_event){.kind = INPUT_KEY, .down = down, .keysym = keysym});
}

static void on_pointer(int buttons, int x, int y, rfbClientPtr client)
{
	struct input_event event = {.kind = INPUT_POINTER, .buttons = (unsigned)buttons};
	event.relative = relative_is(client, &x, &y);
	event.x = x;
	event.y = y;
	put(client, &event);
	if (event.relative)
		return;
	pthread_mutex_lock(&list);
	rfbDefaultPtrAddEvent(buttons, x, y, client); /* viewers that see others' pointers */
	pthread_mutex_unlock(&list);
}

/* A heap string with at least `size` bytes, the last ones 0; what has no place in the other set
 * becomes '?'. */
static char *convert(const char *to, const char *from, const char *text, size_t size)
{
	iconv_t converter = iconv_open(to, from);
	size_t room = size * 3;
	char *out = converter != (iconv_t)-1 ? calloc(1, room + 1) : NULL;
	char *in = (char *)text, *at = out;
	while (out && size && iconv(converter, &in, &size, &at, &room) == (size_t)-1 && size) {
		in++;
		size--;
		*at++ = '?';
		room--;
	}
	if (converter != (iconv_t)-1)
		iconv_close(converter);
	return out;
}

static void put_text(rfbClientPtr client, char *text)
{
	if (text)
		put(client, &(struct input_event){.kind = INPUT_TEXT, .text = text});
}

static void on_latin1(char *text, int size, rfbClientPtr client)
{
	put_text(client, convert("UTF-8", "ISO-8859-1", text, (size_t)size));
}

static void on_utf8(char *text, int size, rfbClientPtr client)
{
	put_text(client, strndup(text, (size_t)size));
}

/* The answer in the words of RFB's ExtendedDesktopSize. What may be tried is; the viewer hears of
 * the new size when the private X server has it. */
static int on_size(
	int width, int height, int monitors, rfbExtDesktopScreen *layout, rfbClientPtr client)
{
	struct screen *screen = screen_of(client);
	const int widest = atomic_load(&screen->widest), highest = atomic_load(&screen->highest);
	if (!widest || client->viewOnly)
		return rfbExtDesktopSize_ResizeProhibited;
	if (monitors != 1 || width < 1 || height < 1 || width > widest || height > highest)
		return rfbExtDesktopSize_InvalidScreenLayout;
	input_put(
		screen->input, &(struct input_event){.kind = INPUT_SIZE, .x = width, .y = height});
	return rfbExtDesktopSize_Success;
}

/* In the viewer's own thread, which libvncserver (0.9.14) neither detaches nor joins: its stack
 * would stay for ever. */
static void on_gone(rfbClientPtr client)
{
	pthread_mutex_lock(&list); /* nobody who has found it there is still at it */
	pthread_mutex_unlock(&list);
	if (pthread_equal(pthread_self(), client->client_thread))
		pthread_detach(pthread_self());
	free(client->clientData);
	relative_forget(client);
	free(client->wsctx); /* 45 kB of a browser's connection that libvncserver forgets */
	input_wake(input_of(client));
}

/* libvncserver gives the pointer to whoever holds a button, those who only look not excepted. */
static void take_pointer_from_looker(rfbClientPtr client)
{
	if (client->viewOnly && client->screen->pointerClient == client)
		client->screen->pointerClient = NULL;
}

/* Called just before the request is noted, so it is noted here too. */
static void on_asked(rfbClientPtr client, rfbFramebufferUpdateRequestMsg *message)
{
	take_pointer_from_looker(client);
	atomic_store(&screen_of(client)->asked, true);
	input_wake(input_of(client));
}

/* The thread that cannot read from a viewer closes it, and the one that cannot write to it does
 * too: libvncserver (0.9.14) frees the path of its WebSocket each time. Nobody needs the path. */
static void drop_path(rfbClientPtr client)
{
	free(client->wspath);
	client->wspath = NULL;
}

/* UltraVNC's and PalmVNC's scaling has no switch in libvncserver (0.9.14), which divides by the
 * width of a picture that is scaled to nothing. Such a viewer goes. */
static void let_go_of_scaled(rfbClientPtr client)
{
	if (client->scaledScreen == client->screen)
		return;
	client->scaledScreen->scaledScreenRefCount--;
	client->scaledScreen = client->screen;
	client->screen->scaledScreenRefCount++;
	shutdown(client->sock, SHUT_RDWR);
}

static void on_display(rfbClientPtr client)
{
	let_go_of_scaled(client);
	relative_tell(client, atomic_load(&screen_of(client)->pointerless));
}

static bool is_sendable(const rfbPixelFormat *format)
{
	const int bits = format->bitsPerPixel;
	return bits == 8 || (format->trueColour && (bits == 16 || bits == 32));
}

static rfbBool change_format(rfbClientPtr client, const rfbPixelFormat *wanted)
{
	struct viewer *viewer = client->clientData;
	client->format = *wanted;
	if (rfbSetTranslateFunction(client)) {
		viewer->format = *wanted;
		return TRUE;
	}
	client->format = viewer->format;
	return FALSE;
}

/*
 * libvncserver (0.9.14) takes a viewer's new format while its other thread may just fill a buffer
 * that was measured for the old one. So the old one stays until nothing is being sent, and for
 * good where the new one is none.
 */
static rfbBool on_format(rfbClientPtr client)
{
	const struct viewer *viewer = client->clientData;
	const rfbPixelFormat wanted = client->format;
	if (!pthread_equal(pthread_self(), client->client_thread))
		return rfbSetTranslateFunction(client); /* of a new size, nobody is written to */
	client->format = viewer->format;
	if (!is_sendable(&wanted)) {
		rfbCloseClient(client);
		return FALSE;
	}
	LOCK(client->sendMutex);
	rfbBool changed = change_format(client, &wanted);
	UNLOCK(client->sendMutex);
	return changed;
}

static enum rfbNewClientAction on_new(rfbClientPtr client)
{
	struct viewer *viewer = calloc(1, sizeof(*viewer));
	if (!viewer)
		return RFB_CLIENT_REFUSE;
	viewer->format = client->format;
	client->clientData = viewer;
	drop_path(client);
	client->clientGoneHook = on_gone;
	client->clientFramebufferUpdateRequestHook = on_asked;
	input_wake(input_of(client));
	return RFB_CLIENT_ACCEPT;
}

/* ---- the picture ---- */

/* X's order of colours, which libvncserver does not think of as its own. */
static void set_format(rfbScreenInfoPtr rfb)
{
	rfb->serverFormat.redShift = 16;
	rfb->serverFormat.greenShift = 8;
	rfb->serverFormat.blueShift = 0;
}

static int new_pixels(struct screen *screen, int width, int height, struct err *err)
{
	struct memory memory;
	if (memory_init(&memory, (size_t)width * (size_t)height * 4, err) < 0)
		return -1;
	screen->memory = memory;
	screen->width = width;
	screen->height = height;
	return 0;
}

static void set_hooks(rfbScreenInfoPtr rfb)
{
	rfb->kbdAddEvent = on_key;
	rfb->ptrAddEvent = on_pointer;
	rfb->setXCutText = on_latin1;
	rfb->setXCutTextUTF8 = on_utf8;
	rfb->setDesktopSizeHook = on_size;
	rfb->newClientHook = on_new;
	rfb->displayHook = on_display;
	rfb->setTranslateFunction = on_format;
}

int screen_init(struct screen *screen, const char *name, int width, int height, struct input *input,
	struct err *err)
{
	*screen = (struct screen){
		.admission = PTHREAD_MUTEX_INITIALIZER, .input = input, .changes = sraRgnCreate()};
	rfbLogEnable(getenv("GLCKPT_DEBUG") != NULL);
	screen->rfb = rfbGetScreen(NULL, NULL, width, height, 8, 3, 4);
	if (!screen->rfb)
		return err_set(err, "out of memory");
	if (new_pixels(screen, width, height, err) < 0)
		return -1;
	rfbScreenInfoPtr rfb = screen->rfb;
	set_format(rfb);
	set_hooks(rfb);
	rfb->screenData = screen;
	rfb->desktopName = name;
	rfb->frameBuffer = (char *)screen->memory.bytes;
	rfb->alwaysShared = TRUE;
	rfb->maxClientWait = SLOW_VIEWER_MS;
	rfb->deferUpdateTime = GREETING_MS;
	rfb->cursor = NULL;
	rfb->port = 0; /* the door listens, not libvncserver */
	rfb->ipv6port = 0;
	rfb->permitFileTransfer = FALSE;
	relative_offer();
	rfbInitServer(rfb);
	rfb->backgroundLoop = TRUE;
	return 0;
}

/* libvncserver asks no password of whom it called back itself. */
void screen_admit(struct screen *screen, int fd, int right)
{
	pthread_mutex_lock(&screen->admission);
	rfbClientPtr client = rfbNewClient(screen->rfb, fd);
	if (client) {
		client->reverseConnection = right != SCREEN_ASK_PASSWORD;
		client->viewOnly = right == PASS_LOOK;
		rfbStartOnHoldClient(client);
	}
	pthread_mutex_unlock(&screen->admission);
}

static rfbBool on_password(rfbClientPtr client, const char *answer, int size)
{
	const uint8_t *challenge = client->authChallenge;
	int right = size == CHALLENGESIZE
		? pass_find(screen_of(client)->passes, challenge, (const uint8_t *)answer)
		: -1;
	client->viewOnly = right == PASS_LOOK;
	return right >= 0;
}

void screen_set_passes(struct screen *screen, struct pass *passes)
{
	screen->passes = passes;
	screen->rfb->authPasswdData = passes; /* without any it would ask for no password */
	screen->rfb->passwordCheck = on_password;
}

/* Their threads see that the connection has ended. */
void screen_dismiss(struct screen *screen)
{
	pthread_mutex_lock(&screen->admission);
	rfbClientIteratorPtr iterator = begin_list(screen->rfb);
	for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator));)
		if (client->sock >= 0)
			shutdown(client->sock, SHUT_RDWR);
	end_list(iterator);
	pthread_mutex_unlock(&screen->admission);
}

/* libvncserver (0.9.14): the thread that writes to a viewer looks whether it is gone, and only then
 * takes the lock to wait; told in between it would wait for the next picture. */
static void wake_if_gone(rfbClientPtr client)
{
	if (client->state != RFB_SHUTDOWN)
		return;
	LOCK(client->updateMutex);
	TSIGNAL(client->updateCond);
	UNLOCK(client->updateMutex);
}

int screen_viewers(const struct screen *screen, int *connected)
{
	int count = 0, all = 0;
	rfbClientIteratorPtr iterator = begin_list(screen->rfb);
	for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator)); all++) {
		count += client->state == RFB_NORMAL;
		take_pointer_from_looker(client);
		wake_if_gone(client);
	}
	end_list(iterator);
	if (connected)
		*connected = all;
	return count;
}

bool screen_awaited(const struct screen *screen)
{
	bool awaited = atomic_load(&screen->asked);
	rfbClientIteratorPtr iterator = begin_list(screen->rfb);
	for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator));) {
		LOCK(client->updateMutex);
		awaited = awaited || !sraRgnEmpty(client->requestedRegion);
		UNLOCK(client->updateMutex);
	}
	end_list(iterator);
	return awaited;
}

void screen_changed(struct screen *screen, int x, int y, int width, int height)
{
	sraRegionPtr changed = sraRgnCreateRect(x, y, x + width, y + height);
	sraRgnOr(screen->changes, changed);
	sraRgnDestroy(changed);
}

static void mark(struct screen *screen, sraRegionPtr region)
{
	pthread_mutex_lock(&list);
	rfbMarkRegionAsModified(screen->rfb, region);
	pthread_mutex_unlock(&list);
}

void screen_publish(struct screen *screen)
{
	if (sraRgnEmpty(screen->changes))
		return;
	mark(screen, screen->changes);
	sraRgnMakeEmpty(screen->changes);
}

/* ---- pixels that move ---- */

/* Viewers whom nobody is writing to, nor will while they are held. */
struct held {
	rfbClientPtr clients[MOVE_VIEWERS_MAX];
	int count;
};

static void release(struct held *held)
{
	while (held->count) {
		rfbClientPtr client = held->clients[--held->count];
		UNLOCK(client->sendMutex);
		rfbDecrClientRef(client);
	}
}

static bool hold(struct held *held, rfbClientPtr client)
{
	if (held->count == MOVE_VIEWERS_MAX || client->scaledScreen != client->screen ||
		pthread_mutex_trylock(&client->sendMutex) != 0)
		return false;
	rfbIncrClientRef(client);
	held->clients[held->count++] = client;
	return true;
}

/* All, or none. */
static bool hold_all(struct held *held, rfbScreenInfoPtr rfb)
{
	bool all = true;
	rfbClientIteratorPtr iterator = begin_list(rfb);
	for (rfbClientPtr client; all && (client = rfbClientIteratorNext(iterator));)
		all = hold(held, client);
	end_list(iterator);
	if (!all)
		release(held);
	return all;
}

/*
 * A viewer has what the picture was when it was last written to, but for what it has been told of
 * since. So everything is told before pixels move, and nobody may be sent some of them meanwhile.
 */
bool screen_move(struct screen *screen, int x, int y, int width, int height, int by)
{
	struct held held = {0};
	if (pthread_mutex_trylock(&screen->admission) != 0)
		return false;
	bool moves = screen->rfb->cursor && hold_all(&held, screen->rfb);
	if (moves) {
		screen_publish(screen);
		pthread_mutex_lock(&list);
		rfbDoCopyRect(screen->rfb, x, y, x + width, y + height, 0, by);
		pthread_mutex_unlock(&list);
		release(&held);
	}
	pthread_mutex_unlock(&screen->admission);
	return moves;
}

/* The same time is what a viewer's thread waits for more changes; they come together here. */
void screen_set_greeting(struct screen *screen, bool greeting)
{
	screen->rfb->deferUpdateTime = greeting ? GREETING_MS : 0;
}

/* ---- a new size ---- */

static bool is_written_to(rfbClientPtr client)
{
	if (pthread_mutex_trylock(&client->sendMutex) != 0)
		return true;
	pthread_mutex_unlock(&client->sendMutex);
	return false;
}

static bool is_in_the_way(rfbClientPtr client, uintptr_t now)
{
	struct viewer *viewer = client->clientData;
	if (!is_written_to(client)) {
		viewer->since = 0;
		return false;
	}
	if (!viewer->since)
		viewer->since = now;
	if (now - viewer->since > STUCK_VIEWER_MS && client->sock >= 0)
		shutdown(client->sock, SHUT_RDWR);
	return true;
}

static bool somebody_is_in_the_way(const struct screen *screen)
{
	bool busy = false;
	const uintptr_t now = (uintptr_t)(io_now() * 1000) + 1;
	rfbClientIteratorPtr iterator = begin_list(screen->rfb);
	for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator));)
		busy = is_in_the_way(client, now) || busy;
	end_list(iterator);
	return busy;
}

static void forget_who_was_in_the_way(const struct screen *screen)
{
	rfbClientIteratorPtr iterator = begin_list(screen->rfb);
	for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator));)
		((struct viewer *)client->clientData)->since = 0;
	end_list(iterator);
}

/* libvncserver has set its own order of colours, and told the viewers' translations. */
static void set_format_again(struct screen *screen)
{
	set_format(screen->rfb);
	rfbClientIteratorPtr iterator = begin_list(screen->rfb);
	for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator));) {
		LOCK(client->sendMutex);
		screen->rfb->setTranslateFunction(client);
		UNLOCK(client->sendMutex);
	}
	end_list(iterator);
	sraRgnMakeEmpty(screen->changes);
	screen_changed(screen, 0, 0, screen->width, screen->height);
	screen_publish(screen);
}

int screen_resize(struct screen *screen, int width, int height, struct err *err)
{
	struct memory old = screen->memory;
	if (pthread_mutex_trylock(&screen->admission) != 0)
		return 1; /* a newcomer takes a tenth of a second */
	int result = somebody_is_in_the_way(screen) ? 1 : new_pixels(screen, width, height, err);
	if (result == 0) {
		forget_who_was_in_the_way(screen);
		pthread_mutex_lock(&list);
		rfbNewFramebuffer(
			screen->rfb, (char *)screen->memory.bytes, width, height, 8, 3, 4);
		pthread_mutex_unlock(&list);
		set_format_again(screen);
		memory_finish(&old);
	}
	pthread_mutex_unlock(&screen->admission);
	return result;
}

/* libvncserver closes connections whose rows do not fit into its buffer. */
void screen_set_limits(struct screen *screen, int width, int height)
{
	const int row = (UPDATE_BUF_SIZE - sz_rfbFramebufferUpdateRectHeader) / 4;
	atomic_store(&screen->widest, width > row ? row : width);
	atomic_store(&screen->highest, height);
}

/* ---- the cursor ---- */

static void split_pixels(rfbCursorPtr to, const struct cursor *from)
{
	size_t count = (size_t)from->width * from->height;
	uint32_t *colours = (uint32_t *)(void *)to->richSource;
	for (size_t i = 0; i < count; i++) {
		to->alphaSource[i] = (unsigned char)(from->pixels[i] >> 24);
		colours[i] = from->pixels[i] & 0xffffff;
	}
}

/* libvncserver does so for a change of the picture, and this is none. */
static void wake_viewers(struct screen *screen)
{
	sraRegionPtr nothing = sraRgnCreate();
	mark(screen, nothing);
	sraRgnDestroy(nothing);
}

static bool cannot_be_seen(const struct cursor *cursor)
{
	size_t count = (size_t)cursor->width * cursor->height, i = 0;
	while (i < count && cursor->pixels[i] >> 24 == 0)
		i++;
	return i == count;
}

void screen_set_cursor(struct screen *screen, const struct cursor *cursor)
{
	size_t count = (size_t)cursor->width * cursor->height;
	atomic_store(&screen->pointerless, cursor->over_window && cannot_be_seen(cursor));
	rfbCursorPtr shape = calloc(1, sizeof(*shape));
	if (!shape)
		return;
	shape->cleanup = shape->cleanupSource = shape->cleanupMask = shape->cleanupRichSource =
		TRUE;
	shape->width = cursor->width;
	shape->height = cursor->height;
	shape->xhot = cursor->x;
	shape->yhot = cursor->y;
	shape->richSource = calloc(count + 1, 4);
	shape->alphaSource = calloc(count + 1, 1);
	shape->alphaPreMultiplied = TRUE;
	if (shape->richSource && shape->alphaSource) {
		split_pixels(shape, cursor);
		shape->mask = (unsigned char *)rfbMakeMaskFromAlphaSource(
			cursor->width, cursor->height, shape->alphaSource);
		pthread_mutex_lock(&list);
		rfbSetCursor(screen->rfb, shape);
		pthread_mutex_unlock(&list);
		wake_viewers(screen);
	} else {
		rfbFreeCursor(shape);
	}
	free(cursor->pixels);
}

/* ---- the clipboard ---- */

/*
 * libvncserver (0.9.14) tells viewers that only know Latin-1 the length of the UTF-8 text, and
 * never unlocks them where there is no text for them. So theirs is as long, with zeros behind it:
 * convert() has room for more.
 */
struct letter {
	rfbScreenInfoPtr rfb;
	char *text, *latin1;
	int size;
};

static void *deliver(void *data)
{
	static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
	struct letter *letter = data;
	display_block_alarm();
	pthread_mutex_lock(&order);
	rfbSendServerCutTextUTF8(
		letter->rfb, letter->text, letter->size, letter->latin1, letter->size);
	pthread_mutex_unlock(&order);
	free(letter->text);
	free(letter->latin1);
	free(letter);
	return NULL;
}

/* In a thread of its own, because a viewer that does not read would hold up the session. */
void screen_send_text(struct screen *screen, const char *text)
{
	pthread_t thread;
	struct letter *letter = malloc(sizeof(*letter));
	if (!letter)
		return;
	*letter = (struct letter){screen->rfb, strdup(text),
		convert("ISO-8859-1", "UTF-8", text, strlen(text)), (int)strlen(text)};
	if (letter->text && letter->latin1 && pthread_create(&thread, NULL, deliver, letter) == 0) {
		pthread_detach(thread);
		return;
	}
	free(letter->text);
	free(letter->latin1);
	free(letter);
}
