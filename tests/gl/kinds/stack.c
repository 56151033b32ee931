/* State that is stacked, and arrays of the program's memory. */
#include "kinds.h"

/* Mesa lets arrays be enabled as capabilities are. */
static void begin_arrays(void)
{
	glEnable(GL_VERTEX_ARRAY);
	glEnable(GL_COLOR_ARRAY);
	glShadeModel(GL_FLAT);
}

static void end_arrays(void)
{
	static const float colours[] = {1, 0, 0, 0, 1, 0};
	static const float places[] = {-2, 0, 2, 0};
	static const unsigned indices[] = {0, 1};
	glColorPointer(3, GL_FLOAT, 0, colours);
	glVertexPointer(2, GL_FLOAT, 0, places);
	glDrawElements(GL_LINES, 2, GL_UNSIGNED_INT, indices);
	say_picture("a line");
	glDisable(GL_COLOR_ARRAY);
	glColor3f(0, 0, 1);
	glDrawElements(GL_LINES, 2, GL_UNSIGNED_INT, indices);
	say_picture("a blue line");
}

const struct kind kinds_stack[] = {{"arrays", begin_arrays, end_arrays, false}, {0}};
