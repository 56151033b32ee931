#include "glshim/process.h"

#include "wire/hello.h"

#include <string.h>
#include <sys/mman.h>

#define SMALLEST 12 /* log2 of the smallest block */
#define CLASSES 24
#define KEPT 64         /* free blocks remembered of each size */
#define HOLE (8u << 20) /* free blocks from this size on give their memory back */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t fresh = 1u << SMALLEST;
static uint64_t free_blocks[CLASSES][KEPT];
static unsigned free_count[CLASSES];

static unsigned class_of(size_t size)
{
	unsigned cls = 0;
	while (cls < CLASSES && ((size_t)1 << (cls + SMALLEST)) < size)
		cls++;
	return cls;
}

uint64_t heap_take(size_t size)
{
	const unsigned cls = class_of(size);
	uint64_t block = 0;
	if (cls >= CLASSES)
		return 0;
	pthread_mutex_lock(&lock);
	const uint64_t bytes = (uint64_t)1 << (cls + SMALLEST);
	if (free_count[cls]) {
		block = free_blocks[cls][--free_count[cls]];
	} else if (bytes <= WIRE_HEAP_SIZE - fresh) {
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
	if (!block || cls >= CLASSES)
		return;
	if (size >= HOLE && process)
		madvise(process->heap + block, (size_t)1 << (cls + SMALLEST), MADV_REMOVE);
	pthread_mutex_lock(&lock);
	if (free_count[cls] < KEPT)
		free_blocks[cls][free_count[cls]++] = block;
	pthread_mutex_unlock(&lock);
}

void heap_forget(void)
{
	fresh = 1u << SMALLEST;
	memset(free_count, 0, sizeof(free_count));
}
