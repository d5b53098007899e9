// Any message as a vector: it is refused, or gives a value that is sent as the same message.
#include "dense_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return vecx::types::fuzz::fuzz_binary<vecx::types::F32>(data, size);
}
