/*
 * lockdir.h: a folder that one process at a time lives in, and that anybody may clear up after it.
 *
 * Its file `lock` is held (flock) by whoever lives there, or clears up. A lock that is held and
 * still in the folder speaks for the folder of that name; so the lock is removed after everything
 * else, and the folder after the lock. A newcomer who comes between has to begin anew.
 *
 * Every function is safe in any thread and process.
 */
#ifndef BASE_LOCKDIR_H
#define BASE_LOCKDIR_H

/* Takes the lock of a folder that is there: its descriptor, to be held. -1 with errno: EWOULDBLOCK
 * while somebody lives there; EAGAIN, ENOENT: it was just cleared up. */
int lockdir_take(const char *path);

/* Removes what is in a folder, but not the lock, that the caller holds. */
void lockdir_clear(const char *path);

/* As lockdir_clear(), and the folder with the lock. The lock is still to be closed. */
void lockdir_remove(const char *path);

/* Removes the folder where nobody lives in it. */
void lockdir_remove_stale(const char *path);

#endif
