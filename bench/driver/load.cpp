#include "common.hpp"
#include "phases.hpp"

namespace vecx::bench {

std::string copy_rows(const Matrix &base, Element element, size_t first, size_t last) {
    std::string data = copy_header();
    const size_t width = base.dimensions * (element == Element::vector ? 4 : 2) + 4;
    data.reserve(data.size() + (last - first) * (width + 14) + 2);
    for (size_t i = first; i < last; i++) {
        append_int16(&data, 2);
        append_int32(&data, 4);
        append_int32(&data, static_cast<int32_t>(i));
        append_int32(&data, static_cast<int32_t>(width));
        append_binary(&data, element, base.row(i));
    }
    return data + copy_trailer();
}

} // namespace vecx::bench
