/*
 * hello.h: how an application process gets its proxy (PROTOCOL.md, "Hello").
 *
 * The shim connects to the Unix stream socket named in GLCKPT_PROXY_SOCKET, sends a request, reads
 * the answer and closes. From then on the two processes have only the files of the run directory:
 *
 *	DIR/control   the ring of what belongs to the process (configs, contexts, surfaces)
 *	DIR/heap      blocks of memory: mapped buffers, data too big for an arena
 *	DIR/ring-N    the ring of context N
 *	DIR/alive     the proxy holds a write lock on it while it lives
 */
#ifndef WIRE_HELLO_H
#define WIRE_HELLO_H

#include <stdint.h>

#define WIRE_HELLO_MAGIC 0x4f4c4548u /* "HELO" */
#define WIRE_DIR_MAX 96

struct wire_hello {
	uint32_t magic;
	uint32_t version;
	int32_t pid; /* of the asking process, in its own PID namespace */
	uint32_t reserved;
};

struct wire_hello_answer {
	uint32_t magic;
	uint32_t version;
	int32_t status; /* 0, or an errno */
	char directory[WIRE_DIR_MAX];
};

/* The heap file's size: sparse, only what is used takes memory. */
#define WIRE_HEAP_SIZE (1ull << 34)

#endif
