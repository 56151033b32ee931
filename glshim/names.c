#include "glshim/names.h"

#include "glshim/call.h"

#include <string.h>
#include <sys/mman.h>

#define BYTES (NAMES_MAX / 8)

bool names_init(struct shim_names *names, unsigned count)
{
	char *memory = mmap(NULL, (size_t)BYTES * count, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	memset(names, 0, sizeof(*names) * count);
	if (memory == MAP_FAILED)
		return false;
	for (unsigned i = 0; i < count; i++) {
		names[i].words = (uint64_t *)(void *)(memory + (size_t)BYTES * i);
		names[i].words[0] = 1; /* 0 is no name */
	}
	return true;
}

void names_finish(struct shim_names *names, unsigned count)
{
	if (names->words)
		munmap(names->words, (size_t)BYTES * count);
	memset(names, 0, sizeof(*names) * count);
}

static void lock(struct shim_names *names)
{
	while (atomic_exchange_explicit(&names->lock, 1, memory_order_acquire))
		wire_pause();
}

static void unlock(struct shim_names *names)
{
	atomic_store_explicit(&names->lock, 0, memory_order_release);
}

static GLuint take(struct shim_names *names)
{
	for (uint32_t word = names->first_word; word < NAMES_MAX / 64; word++) {
		if (names->words[word] == UINT64_MAX)
			continue;
		const unsigned bit = (unsigned)__builtin_ctzll(~names->words[word]);
		names->words[word] |= (uint64_t)1 << bit;
		names->first_word = word;
		return word * 64 + bit;
	}
	return 0;
}

void shim_names_make(struct shim_context *self, enum names_class cls, GLsizei count, GLuint *names)
{
	struct shim_names *pool = self->names[cls];
	if (!pool || !names || count <= 0)
		return;
	lock(pool);
	for (GLsizei i = 0; i < count; i++)
		names[i] = take(pool);
	unlock(pool);
}

GLuint shim_name_make(struct shim_context *self, enum names_class cls)
{
	GLuint name = 0;
	shim_names_make(self, cls, 1, &name);
	return name;
}

void names_note(struct shim_names *pool, GLuint name)
{
	if (!pool || name >= NAMES_MAX || pool->words[name / 64] >> (name % 64) & 1)
		return;
	lock(pool);
	pool->words[name / 64] |= (uint64_t)1 << (name % 64);
	unlock(pool);
}

bool names_has(const struct shim_names *pool, GLuint name)
{
	return name < NAMES_MAX && pool->words[name / 64] >> (name % 64) & 1;
}

void shim_name_adopt(struct shim_context *self, enum names_class cls, GLuint name)
{
	names_note(self->names[cls], name);
}

static void drop(struct shim_names *pool, GLuint name)
{
	if (!name || name >= NAMES_MAX)
		return;
	pool->words[name / 64] &= ~((uint64_t)1 << (name % 64));
	if (name / 64 < pool->first_word)
		pool->first_word = name / 64;
}

void shim_names_drop(
	struct shim_context *self, enum names_class cls, GLsizei count, const GLuint *names)
{
	struct shim_names *pool = self->names[cls];
	if (!pool || !names || pool->once)
		return;
	lock(pool);
	for (GLsizei i = 0; i < count; i++)
		drop(pool, names[i]);
	unlock(pool);
}
