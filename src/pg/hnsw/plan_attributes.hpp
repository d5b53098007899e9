// A step of planning: conditions on attributes of an hnsw index that PostgreSQL itself does not give to the index, before
// version 17 or 16: `column = ANY (array)` together with ORDER BY, and conditions that are a boolean column alone.
#pragma once

namespace vecx::pg {

// Takes the planner's hook for a table's paths, before which earlier takers keep their place. Called once, when the module is
// loaded.
void install_attribute_conditions();

} // namespace vecx::pg
