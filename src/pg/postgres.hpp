// The single way to PostgreSQL's headers. C++ standard headers come before it, never after.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
}

// postgres.h redefines these; C++ code that uses the names for its own wants them gone.
#undef Min
#undef Max
#undef Abs
#undef printf
#undef fprintf
#undef snprintf
#undef vsnprintf
#undef sprintf
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext

#include "pg/compat.hpp"
