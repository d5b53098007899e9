// Memory for the core: an interface of two function pointers, so that the shell can stand a
// PostgreSQL memory context behind it and the unit tests malloc. Nothing allocated here has a
// destructor; everything is released at once with the context behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace vecx {

struct Arena {
    // Returns at least 8-byte aligned storage. Never returns null: the shell's raises an SQL error,
    // the tests' aborts. Sizes above 1 GB are allowed.
    void *(*allocate)(void *context, size_t bytes);
    // Gives one allocation back early (big arrays that grow); may do nothing.
    void (*release)(void *context, void *pointer);
    void *context;

    template <class T>
    T *make_array(size_t count) {
        static_assert(std::is_trivially_destructible_v<T>);
        size_t bytes;
        if (__builtin_mul_overflow(count, sizeof(T), &bytes))
            bytes = SIZE_MAX; // the allocator refuses it with its own error
        return static_cast<T *>(allocate(context, bytes));
    }

    void give_back(void *pointer) {
        if (pointer != nullptr)
            release(context, pointer);
    }
};

} // namespace vecx
