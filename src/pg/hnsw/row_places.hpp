// Where in an hnsw index the rows of its table are, as far as this session has learned: for filtered scans that look at each row.
#pragma once

#include "filter/row_places.hpp"
#include "pg/hnsw/hnsw.hpp"

namespace vecx::pg {

// Null when they are not known. They are learned by reading the index once, as soon as what has been lost without them (in
// the planner's unit; `saved` is what they would save this time) comes to what that costs: so a session that filters much
// knows them, and one that does not has paid twice at most. Good until the next call of these two for any index.
const filter::RowPlaces *row_places(Relation index, const IndexFacts &facts, double saved);
bool knows_row_places(Relation index);
// So much was lost since rows were not at their places, or not there: they are learned anew when it has become too much.
void row_places_missed(Relation index, double lost);

} // namespace vecx::pg
