#define _GNU_SOURCE
#include "vnc/memory.h"

#include "base/scope.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int memory_init(struct memory *memory, size_t size, struct err *err)
{
	*memory = (struct memory){.fd = -1};
	scoped_fd int fd = memfd_create("glckpt-vnc", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_errno(err, "memory to share with the private X server");
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return err_errno(err, "memory to share with the private X server");
	*memory = (struct memory){bytes, size, steal_fd(&fd)};
	return 0;
}

void memory_finish(struct memory *memory)
{
	if (!memory->bytes)
		return;
	munmap(memory->bytes, memory->size);
	close(memory->fd);
	*memory = (struct memory){.fd = -1};
}
