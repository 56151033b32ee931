#include "xdetach/image/elf-build-id.h"

#include "base/io.h"

#include <elf.h>
#include <endian.h>
#include <link.h>
#include <string.h>

#define NOTES_MAX 65536

enum { HEADERS_MAX = 128 };

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

static int print_id(const uint8_t *bytes, size_t size, char id[BUILD_ID_SIZE])
{
	if (!size || size > (BUILD_ID_SIZE - 1) / 2)
		return 0;
	for (size_t i = 0; i < size; i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 1;
}

static int find_note(const uint8_t *notes, size_t left, char id[BUILD_ID_SIZE])
{
	ElfW(Nhdr) note;
	while (left >= sizeof(note)) {
		memcpy(&note, notes, sizeof(note));
		notes += sizeof(note);
		left -= sizeof(note);
		if (note.n_namesz > left || padded(note.n_namesz) > left ||
			note.n_descsz > left - padded(note.n_namesz))
			return 0;
		const uint8_t *bytes = notes + padded(note.n_namesz);
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			!memcmp(notes, "GNU", 4))
			return print_id(bytes, note.n_descsz, id);
		size_t size = padded(note.n_namesz) + padded(note.n_descsz);
		if (size > left)
			return 0;
		notes += size;
		left -= size;
	}
	return 0;
}

static int read_notes(int fd, const ElfW(Phdr) * header, char id[BUILD_ID_SIZE])
{
	if (header->p_type != PT_NOTE || header->p_filesz > NOTES_MAX)
		return 0;
	scoped_free uint8_t *notes = malloc(header->p_filesz + 1);
	if (!notes || io_pread_full(fd, notes, header->p_filesz, (off_t)header->p_offset) < 0)
		return 0;
	return find_note(notes, header->p_filesz, id);
}

static bool is_elf(const ElfW(Ehdr) * header)
{
	const int class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	const int order = BYTE_ORDER == LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB;
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) && header->e_ident[EI_CLASS] == class &&
		header->e_ident[EI_DATA] == order && header->e_phentsize == sizeof(ElfW(Phdr));
}

int elf_build_id(int fd, char id[BUILD_ID_SIZE])
{
	ElfW(Ehdr) header;
	ElfW(Phdr) segments[HEADERS_MAX];
	id[0] = '\0';
	if (io_pread_full(fd, &header, sizeof(header), 0) < 0 || !is_elf(&header))
		return -1;
	size_t count = header.e_phnum < HEADERS_MAX ? header.e_phnum : HEADERS_MAX;
	if (io_pread_full(fd, segments, count * sizeof(*segments), (off_t)header.e_phoff) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (read_notes(fd, &segments[i], id) > 0)
			return 1;
	return 0;
}
