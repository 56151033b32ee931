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
 *	DIR/again     is there as long as a proxy that dies is replaced by another
 */
#ifndef WIRE_HELLO_H
#define WIRE_HELLO_H

#include <stdint.h>

#define WIRE_HELLO_MAGIC 0x4f4c4548u /* "HELO" */
#define WIRE_DIR_MAX 96
#define WIRE_AGAIN "again"

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

/*
 * The same socket takes requests about all proxies at once, from the session's side: a
 * struct wire_hello with WIRE_LIVE_MAGIC, an operation for the PID, a length for `reserved`, and
 * that many bytes: a folder's name, and where there is an earlier snapshot a zero byte and the name
 * of its folder. A struct wire_live_answer comes back when every proxy is done; status 0, or -1
 * with a sentence.
 *
 *	let go      pictures are dropped and no connection to an X server is open
 *	snapshot    every proxy writes DIRECTORY/pN.glsnap, and large pieces of data into
 *	            DIRECTORY/contents/, linked from the earlier folder where they are the same; the
 *	            programs are frozen. Proxies live on, whether it worked or not
 *	take hold   connects again with the windows' X server
 *
 * `glproxy --listen SOCKET --dir RUNDIR --restore DIRECTORY` builds the proxies again over RUNDIR's
 * files, which are as they were when the snapshot was taken, has let go of X, and makes SOCKET when
 * all stand; it ends with 1 and a sentence on stderr when one cannot be built.
 */
#define WIRE_LIVE_MAGIC 0x4556494cu /* "LIVE" */
#define WIRE_LIVE_PATH_MAX 4000     /* of one name */

enum wire_live_operation { WIRE_LIVE_LET_GO = 1, WIRE_LIVE_SNAPSHOT = 2, WIRE_LIVE_TAKE_HOLD = 3 };

struct wire_live_answer {
	uint32_t magic;
	uint32_t version;
	int32_t status;
	char text[1012];
};

/* The heap file's size: sparse, only what is used takes memory. */
#define WIRE_HEAP_SIZE (1ull << 34)

#endif
