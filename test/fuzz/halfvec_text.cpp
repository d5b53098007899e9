// Any text as a halfvec: it is refused, or gives a value whose own text gives the same bits again.
#include "dense_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return vecx::types::fuzz::fuzz_text<vecx::types::F16>(data, size);
}
