#include "kinds.h"

const struct kind kinds_debug[] = {{0}};
