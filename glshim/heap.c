#include "glshim/process.h"

#include "wire/hello.h"

#include <string.h>
#include <sys/mman.h>

#define SMALLEST 12 /* log2 of the smallest block */
#define CLASSES 24
#define HOLE (8u << 20) /* free blocks from this size on give their memory back */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t fresh = 1u << SMALLEST;
static uint64_t free_first[CLASSES]; /* each free block begins with the place of the next */

static unsigned class_of(size_t size)
{
	unsigned cls = 0;
	while (cls < CLASSES && ((size_t)1 << (cls + SMALLEST)) < size)
		cls++;
	return cls;
}

static uint64_t *next_of(uint64_t block)
{
	return (uint64_t *)(void *)(process_have()->heap + block);
}

/* A free block; 0: there is none. What stands in it is believed only as far as it can be. */
static uint64_t take_free(unsigned cls)
{
	const uint64_t block = free_first[cls];
	const uint64_t next = block ? *next_of(block) : 0;
	const bool sound = next < fresh && next % ((uint64_t)1 << SMALLEST) == 0;
	free_first[cls] = sound ? next : 0;
	return block;
}

uint64_t heap_take(size_t size)
{
	const unsigned cls = class_of(size);
	if (cls >= CLASSES || !process_have())
		return 0;
	const uint64_t bytes = (uint64_t)1 << (cls + SMALLEST);
	pthread_mutex_lock(&lock);
	uint64_t block = take_free(cls);
	if (!block && bytes <= WIRE_HEAP_SIZE - fresh) {
		block = fresh;
		fresh += bytes;
	}
	pthread_mutex_unlock(&lock);
	return block;
}

void heap_give(uint64_t block, size_t size)
{
	const unsigned cls = class_of(size);
	struct process *process = process_have();
	if (!block || cls >= CLASSES || !process)
		return;
	if (size >= HOLE)
		madvise(process->heap + block, (size_t)1 << (cls + SMALLEST), MADV_REMOVE);
	pthread_mutex_lock(&lock);
	*next_of(block) = free_first[cls];
	free_first[cls] = block;
	pthread_mutex_unlock(&lock);
}

void heap_forget(void)
{
	fresh = 1u << SMALLEST;
	memset(free_first, 0, sizeof(free_first));
}
