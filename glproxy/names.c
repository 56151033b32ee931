#include "glproxy/names.h"

#include <stdlib.h>

/* Names the driver never generates: it counts from 1. */
#define FOREIGN 0x40000000u

struct names *names_create(void)
{
	struct names *names = calloc(1, sizeof(*names));
	if (names)
		pthread_mutex_init(&names->lock, NULL);
	return names;
}

void names_destroy(struct names *names)
{
	if (!names)
		return;
	for (unsigned page = 0; page < NAMES_PAGE; page++) {
		free((void *)names->to_driver[page]);
		free((void *)names->to_program[page]);
	}
	pthread_mutex_destroy(&names->lock);
	free(names);
}

typedef _Atomic(_Atomic(GLuint) *) page_table;

static GLuint look_up(page_table *table, GLuint name)
{
	if (name / NAMES_PAGE >= NAMES_PAGE)
		return 0;
	_Atomic(GLuint) *page =
		atomic_load_explicit(&table[name / NAMES_PAGE], memory_order_acquire);
	return page ? atomic_load_explicit(&page[name % NAMES_PAGE], memory_order_acquire) : 0;
}

GLuint names_to_driver(struct names *names, GLuint program)
{
	if (!program)
		return 0;
	const GLuint known = look_up(names->to_driver, program);
	if (!known)
		names_bind(names, program, program | FOREIGN); /* remembered for a snapshot */
	return known ? known : program | FOREIGN;
}

bool names_foreign(GLuint driver)
{
	return driver & FOREIGN;
}

GLuint names_to_program(struct names *names, GLuint driver)
{
	const GLuint known = look_up(names->to_program, driver);
	return known ? known : driver & ~FOREIGN;
}

static void store(page_table *table, GLuint name, GLuint value)
{
	if (name / NAMES_PAGE >= NAMES_PAGE)
		return;
	_Atomic(GLuint) *page = table[name / NAMES_PAGE];
	if (!page && !value)
		return;
	if (!page) {
		page = calloc(NAMES_PAGE, sizeof(*page));
		if (!page)
			return;
		atomic_store_explicit(&table[name / NAMES_PAGE], page, memory_order_release);
	}
	atomic_store_explicit(&page[name % NAMES_PAGE], value, memory_order_release);
}

void names_bind(struct names *names, GLuint program, GLuint driver)
{
	if (!program || !driver)
		return;
	pthread_mutex_lock(&names->lock);
	store(names->to_driver, program, driver);
	if (!names_foreign(driver))
		store(names->to_program, driver, program);
	pthread_mutex_unlock(&names->lock);
}

void names_drop(struct names *names, GLuint program)
{
	const GLuint driver = program ? look_up(names->to_driver, program) : 0;
	if (!driver)
		return;
	pthread_mutex_lock(&names->lock);
	store(names->to_driver, program, 0);
	if (look_up(names->to_program, driver) == program)
		store(names->to_program, driver, 0);
	pthread_mutex_unlock(&names->lock);
}

GLuint names_next(struct names *names, GLuint after)
{
	for (GLuint name = after + 1; name / NAMES_PAGE < NAMES_PAGE; name++) {
		if (!names->to_driver[name / NAMES_PAGE])
			name |= NAMES_PAGE - 1;
		else if (look_up(names->to_driver, name))
			return name;
	}
	return 0;
}

GLuint names_known(struct names *names, GLuint driver)
{
	if (names_foreign(driver))
		return driver & ~FOREIGN;
	return look_up(names->to_program, driver);
}

static void clear(page_table *table)
{
	for (unsigned page = 0; page < NAMES_PAGE; page++)
		if (table[page])
			free((void *)atomic_exchange(&table[page], NULL));
}

void names_clear(struct names *names)
{
	clear(names->to_driver);
	clear(names->to_program);
}
