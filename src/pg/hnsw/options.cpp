#include "pg/hnsw/hnsw.hpp"

namespace vecx::pg {

void hnsw_define_options() {}

} // namespace vecx::pg
