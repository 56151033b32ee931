#define _GNU_SOURCE
#include "glproxy/journal.h"

#include "base/io.h"
#include "base/log.h"
#include "glproxy/context.h"
#include "messages.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC 0x4c4a4c47u /* "GLJL" */
#define VERSION 1u
#define HEAD 4096u
#define LOG_MAX ((uint64_t)1 << 30)
#define STEP ((uint64_t)16 << 20)    /* memory is taken from the file system by steps */
#define BASE_AT ((uint64_t)64 << 20) /* a log this long wants a new base ... */
#define BASE_AFTER_S 3.0             /* ... and one that has run this long (journal_is_due) */
#define BASE_SHARE 20                /* bases take no more of the time than one part in so many */

struct head {
	uint32_t magic;
	uint32_t version;
	int32_t client;
	uint32_t mode;
	_Atomic uint64_t state; /* the base's number and the log's length; ENDED */
};

#define ENDED UINT64_MAX
#define STATE(base, end) ((uint64_t)(base) << 48 | (end))
#define STATE_BASE(state) ((unsigned)((state) >> 48))
#define STATE_END(state) ((state) & (((uint64_t)1 << 48) - 1))

struct journal {
	char directory[200];
	char base[224]; /* the folder of journal_base() or journal_base_begin() */
	char parent[224];
	int fd;
	struct head *head;
	char *entries;
	uint64_t room; /* bytes that the file system has given */
	atomic_flag lock;
	uint64_t due_at;
	double began, base_began, base_cost, base_ended;
	unsigned since_look;
	bool keeps[EXEC_USED * 64];
};

/* ---- which messages are kept ---- */

/* They ask, wait, or order what the log has in order. */
static const char *const asks[] = {"glGet*", "glIs*", "glAreTexturesResident*", "glClientWaitSync",
	"glWaitSync", "ckAwait", "ckConfigs", "ckSurfaceSize", "ckShowFront", "glFinish", "glFlush",
	"glReadPixels", "glReadnPixels*", "glCheck*FramebufferStatus*"};

/* They change what glGet* asks for, or write into a buffer. */
static const char *const asks_not[] = {
	"glGetError", "glGet*Image*", "glReadPixels", "glReadnPixels*", "glGetQueryBufferObject*"};

/* They leave behind what the GPU wrote, and nothing else. */
static const char *const draws[] = {"glDraw*", "ckDraw*", "glMultiDraw*", "glClear",
	"glClearBuffer?i*", "glClearBufferfv", "glClearBufferiv", "glClearBufferuiv",
	"glClearBufferfi", "glClearNamedFramebuffer*", "glBlit*Framebuffer*", "glDispatch*",
	"glVertex[234]*", "glRect*", "glReadPixels", "glReadnPixels*", "glGet*Image*",
	"glGetQueryBufferObject*", "glMemoryBarrier*"};
static const char *const draws_not[] = {"glDrawBuffer*"};

static bool matches(const char *name, const char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	return false;
}

#define MATCHES(name, list) matches(name, list, array_len(list))

static bool is_kept(const char *name, enum journal_mode mode)
{
	if (MATCHES(name, asks) && !MATCHES(name, asks_not))
		return false;
	return mode == JOURNAL_ALL || !MATCHES(name, draws) || MATCHES(name, draws_not);
}

static void choose_messages(struct journal *journal)
{
	for (unsigned opcode = 0; opcode < WIRE_OPCODES; opcode++) {
		const char *name = wire_opcode_name(opcode);
		journal->keeps[opcode] =
			name && is_kept(name, (enum journal_mode)journal->head->mode);
	}
}

bool journal_keeps(const struct journal *journal, unsigned opcode)
{
	return opcode < array_len(journal->keeps) && journal->keeps[opcode];
}

/* ---- the file ---- */

static struct journal *allocate(const char *directory)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	if (!journal)
		return NULL;
	snprintf(journal->directory, sizeof(journal->directory), "%s", directory);
	journal->fd = -1;
	journal->due_at = BASE_AT;
	journal->began = journal->base_ended = io_now();
	return journal;
}

static int map_log(struct journal *journal, int flags, struct err *err)
{
	char path[224];
	snprintf(path, sizeof(path), "%s/log", journal->directory);
	journal->fd = io_open(AT_FDCWD, path, O_RDWR | flags, 0600, err);
	if (journal->fd < 0)
		return -1;
	if (flags & O_CREAT && ftruncate(journal->fd, (off_t)(HEAD + LOG_MAX)))
		return err_errno(err, "%s", path);
	char *memory = mmap(NULL, HEAD + LOG_MAX, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_NORESERVE, journal->fd, 0);
	if (memory == MAP_FAILED)
		return err_errno(err, "%s", path);
	journal->head = (struct head *)memory;
	journal->entries = memory + HEAD;
	return 0;
}

/* Memory up to `end`, in a way that says so when there is none. */
static bool make_room(struct journal *journal, uint64_t end)
{
	if (end <= journal->room)
		return true;
	const uint64_t room = (end + STEP - 1) / STEP * STEP;
	if (room > LOG_MAX || posix_fallocate(journal->fd, 0, (off_t)(HEAD + room)))
		return false;
	journal->room = room;
	return true;
}

struct journal *journal_create(
	const char *directory, enum journal_mode mode, pid_t client, struct err *err)
{
	struct journal *journal = allocate(directory);
	if (!journal || io_make_dirs(directory, 0700, err) ||
		map_log(journal, O_CREAT | O_EXCL, err) || !make_room(journal, 1)) {
		err_set(err, "%s: no room for a journal", directory);
		journal_close(journal);
		return NULL;
	}
	*journal->head =
		(struct head){.magic = MAGIC, .version = VERSION, .client = client, .mode = mode};
	choose_messages(journal);
	return journal;
}

struct journal *journal_open(const char *directory, struct err *err)
{
	struct journal *journal = allocate(directory);
	if (!journal || map_log(journal, 0, err)) {
		err_set(err, "out of memory");
	} else if (journal->head->magic != MAGIC || journal->head->version != VERSION) {
		err_set(err, "%s: is no journal", directory);
	} else {
		choose_messages(journal);
		return journal;
	}
	journal_close(journal);
	return NULL;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->head)
		munmap(journal->head, HEAD + LOG_MAX);
	if (journal->fd >= 0)
		close(journal->fd);
	free(journal);
}

enum journal_mode journal_mode(const struct journal *journal)
{
	return (enum journal_mode)journal->head->mode;
}

pid_t journal_client(const struct journal *journal)
{
	return journal->head->client;
}

/* ---- appending ---- */

static void put(char **to, const void *data, size_t size)
{
	memcpy(*to, data, size);
	*to += wire_align(size);
}

static uint64_t entry_size(const struct exec *x)
{
	uint64_t size = sizeof(struct journal_entry) + wire_align(x->message_size);
	for (unsigned i = 0; i < x->note_count; i++)
		size += sizeof(struct journal_piece) + wire_align(x->notes[i].size);
	return size;
}

static void write_entry(char *to, uint64_t size, const struct exec *x)
{
	const struct journal_entry entry = {.size = size,
		.position = x->position,
		.answer = x->replied ? x->map.shared->value : 0,
		.ring = x->context ? x->context->id : 0,
		.message = (uint32_t)x->message_size,
		.pieces = x->note_count};
	put(&to, &entry, sizeof(entry));
	put(&to, x->message, x->message_size);
	for (unsigned i = 0; i < x->note_count; i++) {
		put(&to, &x->notes[i], sizeof(x->notes[i]));
		put(&to, x->notes[i].data, x->notes[i].size);
	}
}

static void end(struct journal *journal)
{
	if (atomic_exchange(&journal->head->state, ENDED) != ENDED)
		log_line("the journal of process %d is full: its proxy is not replaced if it dies",
			journal->head->client);
}

/* Locks the log; where `size` bytes go, or NULL. */
static char *begin_entry(struct journal *journal, uint64_t size)
{
	while (atomic_flag_test_and_set_explicit(&journal->lock, memory_order_acquire))
		sched_yield();
	const uint64_t state = journal->head->state, at = STATE_END(state);
	if (state == ENDED)
		return NULL;
	if (size <= LOG_MAX && make_room(journal, at + size))
		return journal->entries + at;
	end(journal);
	return NULL;
}

static void end_entry(struct journal *journal, uint64_t size)
{
	const uint64_t state = journal->head->state;
	atomic_store_explicit(
		&journal->head->state, state == ENDED ? ENDED : state + size, memory_order_release);
	atomic_flag_clear_explicit(&journal->lock, memory_order_release);
}

void journal_append(struct journal *journal, const struct exec *x)
{
	const uint64_t size = entry_size(x);
	char *to = begin_entry(journal, size);
	if (to)
		write_entry(to, size, x);
	end_entry(journal, size);
}

void journal_append_message(
	struct journal *journal, const struct exec *x, const void *message, size_t size)
{
	const struct journal_entry entry = {.size = sizeof(entry) + wire_align(size),
		.position = x->position,
		.ring = x->context ? x->context->id : 0,
		.message = (uint32_t)size};
	char *to = begin_entry(journal, entry.size);
	if (to) {
		put(&to, &entry, sizeof(entry));
		put(&to, message, size);
	}
	end_entry(journal, entry.size);
}

void journal_append_size(struct journal *journal, unsigned surface, unsigned width, unsigned height)
{
	const struct journal_entry entry = {.size = sizeof(entry),
		.position = surface,
		.answer = (uint64_t)width << 32 | height,
		.ring = JOURNAL_SIZE};
	char *to = begin_entry(journal, sizeof(entry));
	if (to)
		memcpy(to, &entry, sizeof(entry));
	end_entry(journal, sizeof(entry));
}

/* ---- bases ---- */

#define LOOK_EVERY 256

static bool has_rested(const struct journal *journal, double least)
{
	const double passed = io_now() - journal->base_ended;
	return passed >= least && passed >= journal->base_cost * BASE_SHARE;
}

/* Draws make a log long to execute; without them bases come when the time has doubled. */
static double interval(const struct journal *journal)
{
	const double age = journal->base_ended - journal->began;
	return journal->head->mode == JOURNAL_ALL || age < BASE_AFTER_S ? BASE_AFTER_S : age;
}

bool journal_is_due(struct journal *journal)
{
	const uint64_t state = journal->head->state;
	if (state == ENDED)
		return false;
	if (STATE_END(state) >= journal->due_at) {
		if (has_rested(journal, 0) || STATE_END(state) > LOG_MAX / 2)
			return true;
		journal->due_at += BASE_AT / 4;
	}
	if (++journal->since_look < LOOK_EVERY)
		return false;
	journal->since_look = 0;
	return has_rested(journal, interval(journal));
}

void journal_want_base(struct journal *journal)
{
	journal->due_at = 0;
}

static void base_folder(const struct journal *journal, unsigned number, char path[224])
{
	snprintf(path, 224, "%s/%u", journal->directory, number);
}

static unsigned next_number(unsigned number)
{
	return number % 60000 + 1;
}

int journal_base_begin(struct journal *journal, struct snapshot_place *place, struct err *err)
{
	const unsigned number = STATE_BASE(journal->head->state);
	journal->base_began = io_now();
	base_folder(journal, next_number(number), journal->base);
	base_folder(journal, number, journal->parent);
	io_remove_tree(AT_FDCWD, journal->base, NULL);
	*place = (struct snapshot_place){.directory = journal->base,
		.name = JOURNAL_SNAPSHOT,
		.parent = number ? journal->parent : NULL};
	return io_make_dirs(journal->base, 0700, err);
}

void journal_base_end(struct journal *journal, bool taken)
{
	const uint64_t state = journal->head->state;
	journal->base_ended = io_now();
	journal->base_cost = journal->base_ended - journal->base_began;
	if (!taken) {
		io_remove_tree(AT_FDCWD, journal->base, NULL);
		journal->due_at = STATE_END(state) + STATE_END(state) / 2 + BASE_AT;
		return;
	}
	journal->due_at = BASE_AT;
	atomic_store(&journal->head->state, STATE(next_number(STATE_BASE(state)), 0));
	io_remove_tree(AT_FDCWD, journal->parent, NULL);
}

static int copy_file(const char *from, const char *to, struct err *err)
{
	scoped_fd int source = io_open(AT_FDCWD, from, O_RDONLY, 0, err);
	scoped_fd int target =
		source < 0 ? -1 : io_open(AT_FDCWD, to, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	if (target < 0)
		return -1;
	return io_copy(source, target, UINT64_MAX) ? err_errno(err, "%s", to) : 0;
}

static int copy_contents(const char *from, const char *to, struct err *err)
{
	scoped_dir DIR *dir = opendir(from);
	if (!dir || io_make_dirs(to, 0700, err))
		return err_errno(err, "%s", from);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		char source[4500], target[600];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
		snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
		if (copy_file(source, target, err))
			return -1;
	}
	return 0;
}

int journal_base_copy(struct journal *journal, const struct snapshot_place *place, struct err *err)
{
	struct snapshot_place to;
	char from[4400], target[300];
	if (journal_base_begin(journal, &to, err))
		return -1;
	snprintf(from, sizeof(from), "%s/%s", place->directory, place->name);
	snprintf(target, sizeof(target), "%s/%s", to.directory, to.name);
	int status = copy_file(from, target, err);
	snprintf(from, sizeof(from), "%s/" CONTENTS_DIR, place->directory);
	snprintf(target, sizeof(target), "%s/" CONTENTS_DIR, to.directory);
	if (!status)
		status = copy_contents(from, target, err);
	journal_base_end(journal, !status);
	return status;
}

/* ---- reading ---- */

bool journal_base(const struct journal *journal, struct snapshot_place *place)
{
	const unsigned number = STATE_BASE(journal->head->state);
	base_folder(journal, number, ((struct journal *)(uintptr_t)journal)->base);
	*place = (struct snapshot_place){.directory = journal->base, .name = JOURNAL_SNAPSHOT};
	return number;
}

bool journal_is_whole(const struct journal *journal)
{
	return journal->head->state != ENDED;
}

struct journal_entry *journal_next(const struct journal *journal, uint64_t *at)
{
	const uint64_t state = journal->head->state;
	if (state == ENDED || *at >= STATE_END(state))
		return NULL;
	struct journal_entry *entry = (struct journal_entry *)(journal->entries + *at);
	*at += entry->size;
	return entry;
}
