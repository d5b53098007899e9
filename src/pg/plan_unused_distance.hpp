// A step after planning: index scans do not compute the ORDER BY distance where nobody reads it.
#pragma once

namespace vecx::pg {

// Takes the planner's hook, before which earlier takers keep their place. Called once, when the
// module is loaded. A session that loads the module while its first statement is planned has that
// statement planned without the step.
void install_unused_distance();

} // namespace vecx::pg
