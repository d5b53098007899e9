// How the types' functions meet PostgreSQL's values: arguments in, results out, typmods, arrays.
// Nothing here has a destructor, so an ereport may leave any frame.
#pragma once

#include "pg/error.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "utils/array.h"
}

namespace vecx::pg {

// Whether the value lies here behind a one-byte header. (VARATT_IS_SHORT is true of toast pointers as well.)
inline bool has_short_header(const varlena *stored) {
    return VARATT_IS_SHORT(stored) && !VARATT_IS_EXTERNAL(stored);
}

// An argument as an aligned `Header`, a struct that begins with the int32 varlena length word. Most values
// are used where they lie; one stored with a one-byte header is copied into `room`, so that a scan over
// short vectors allocates nothing; only a compressed or toasted value is allocated.
//     Detoasted<DenseHeader> a(PG_GETARG_DATUM(0));
//     ... a->dim ...
//     a.release();      // where the caller does not run in a short-lived memory context (btree)
template <class Header>
class Detoasted {
  public:
    explicit Detoasted(Datum datum) {
        varlena *stored = reinterpret_cast<varlena *>(DatumGetPointer(datum));
        if (likely(VARATT_IS_4B_U(stored))) {
            value_ = stored;
        } else if (has_short_header(stored)) {
            SET_VARSIZE(room_, VARSIZE_SHORT(stored) - VARHDRSZ_SHORT + VARHDRSZ);
            memcpy(VARDATA(room_), VARDATA_SHORT(stored), VARSIZE_SHORT(stored) - VARHDRSZ_SHORT);
            value_ = reinterpret_cast<varlena *>(room_);
        } else {
            value_ = pg_detoast_datum(stored);
            allocated_ = true;
        }
    }
    Detoasted(const Detoasted &) = delete; // `value_` may point into the object
    Detoasted &operator=(const Detoasted &) = delete;

    const Header *get() const { return reinterpret_cast<const Header *>(value_); }
    const Header *operator->() const { return get(); }

    void release() {
        if (allocated_)
            pfree(value_);
    }

  private:
    varlena *value_;
    bool allocated_ = false;
    alignas(MAXIMUM_ALIGNOF) char room_[VARATT_SHORT_MAX + VARHDRSZ];
};

// XX001 for a value that ends within its header: damage. `size` with the length word.
[[noreturn]] void refuse_short(const char *type, size_t size);

// What stands first behind the length word, which is the dimension in every vector type; of a toasted value,
// only the first bytes are fetched.
template <class Field>
Field first_field(Datum datum) {
    varlena *stored = reinterpret_cast<varlena *>(DatumGetPointer(datum));
    Field field;
    if (VARATT_IS_4B_U(stored) || has_short_header(stored)) {
        if (unlikely(VARSIZE_ANY_EXHDR(stored) < sizeof field))
            refuse_short("vector", VARSIZE_ANY(stored));
        memcpy(&field, VARDATA_ANY(stored), sizeof field);
        return field;
    }
    varlena *start = pg_detoast_datum_slice(stored, 0, sizeof field);
    if (unlikely(VARSIZE_ANY_EXHDR(start) < sizeof field))
        refuse_short("vector", VARSIZE_ANY(start));
    memcpy(&field, VARDATA_ANY(start), sizeof field);
    pfree(start);
    return field;
}

// A result of `size` bytes in all, header included, not initialised but for the length word.
template <class Header>
Header *allocate_value(size_t size) {
    Header *value = static_cast<Header *>(palloc(size));
    SET_VARSIZE(value, size);
    return value;
}

// 22000 when a column of `typmod` dimensions is given `dim`; typmod -1 takes any.
inline void check_typmod(int32 typmod, int32 dim) {
    if (unlikely(typmod != -1 && typmod != dim))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %d dimensions, not %d", typmod, dim)));
}

// The typmod_in of a type that has one number between 1 and `most`. Takes the function's cstring[].
int32 dimension_typmod(Datum modifiers, const char *type, int32 most);

// A one-dimensional array without nulls, of a number type. 22000 "array must be 1-D" or "unsupported array
// type", 22004 "array must not contain nulls". The empty array has count 0.
struct NumberArray {
    ArrayType *array; // detoasted
    int32 count;
};
NumberArray open_number_array(Datum datum);

// Converts all `count` elements: int2, int4, float4, float8 or numeric to float (rounded to nearest; too
// large becomes infinity, except for numeric, which raises 22003 itself).
void read_floats(const NumberArray &source, float *out);

// The same to double, exact for all but numeric.
void read_doubles(const NumberArray &source, double *out);

// An array of `count` zeros of a fixed-width type without nulls; its elements lie as in a C array of `width`
// bytes each at ARR_DATA_PTR.
ArrayType *make_number_array(int32 count, Oid type, size_t width);

} // namespace vecx::pg
