// The sphere types: all values within a radius of a center. sphere_vector and its like are composite types (center,
// radius float8); `value <<->> sphere` means exactly `(value <-> center) <= radius`.
#pragma once

#include "pg/postgres.hpp"

namespace vecx::pg {

struct Sphere {
    Datum center;
    double radius;
    bool null; // a part of it is NULL: it is not known what lies in it
};

// The fields of a value of a sphere type; `center` points into it, or into a detoasted copy in the current memory context.
Sphere read_sphere(Datum value);

} // namespace vecx::pg
