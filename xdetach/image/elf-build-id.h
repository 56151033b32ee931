/*
 * elf-build-id.h: the build-ID that the linker left in an ELF file (note NT_GNU_BUILD_ID).
 */
#ifndef XDETACH_ELF_BUILD_ID_H
#define XDETACH_ELF_BUILD_ID_H

#include <stdbool.h>

#define BUILD_ID_SIZE 129 /* 64 bytes in hex and a zero byte */

/* 1 with the hex text; 0 for an ELF file without one ("" is set); -1 when it is no ELF file of this
 * machine's word size and byte order. Reads headers only. */
int elf_build_id(int fd, char id[BUILD_ID_SIZE]);

#endif
