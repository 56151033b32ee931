#include "kinds.h"

const struct kind kinds_feedback[] = {{0}};
