#include "tests/cluster/greeting.h"

extern "C" const char* Greeting() { return "hello from a library"; }
