#include "kinds.h"

const struct kind kinds_texture[] = {{0}};
