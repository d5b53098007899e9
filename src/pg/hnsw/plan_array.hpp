// A step of planning: `column = ANY (array)` on an attribute of an hnsw index, together with ORDER BY.
#pragma once

namespace vecx::pg {

// Takes the planner's hook for a table's paths, before which earlier takers keep their place. Called once, when the module is
// loaded.
void install_array_conditions();

} // namespace vecx::pg
