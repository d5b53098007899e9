// A step of planning: `WHERE column <-> value < radius` becomes a condition of the vector index.
#pragma once

namespace vecx::pg {

// Takes the planner's hook for a table's paths, before which earlier takers keep their place. Called once, when the module
// is loaded; planning a query of a table with one of this library's indexes loads it in time.
void install_distance_bound();

} // namespace vecx::pg
