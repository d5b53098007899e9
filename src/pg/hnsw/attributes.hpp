// Further key columns of an hnsw or ivf index: their operator classes, how values become keys (filter/attributes.hpp), and conditions
// on them.
#pragma once

#include "filter/attributes.hpp"
#include "pg/hnsw/hnsw.hpp"

extern "C" {
#include "access/skey.h"
}

namespace vecx::pg {

// Strategies of the operator classes of attributes, numbered as in btree.
constexpr int kAttributeLess = 1, kAttributeLessEqual = 2, kAttributeEqual = 3, kAttributeGreaterEqual = 4, kAttributeGreater = 5;

enum class AttributeKind : uint8_t { boolean, integer, real, numeric, date, timestamp, uuid, text, enumeration };

// What support function 1 of an operator class of attributes returns.
struct AttributeInfo {
    uint32_t magic; // kAttributeMagic
    AttributeKind kind;
    bool exact; // equal keys mean equal values
};
constexpr uint32_t kAttributeMagic = 0x41545452;

// The columns of an index, but for the vector.
struct AttributeColumns {
    int count = 0;
    struct Column {
        AttributeKind kind;
        bool exact;
        Oid type; // of the column's values
        Oid collation;
    } columns[filter::kMostAttributes];
};

// 42P17 when a column has no such operator class.
AttributeColumns attribute_columns(Relation index);
// Fills filter::attribute_words(columns.count) words from what an index tuple would have; values[0] is the vector. May allocate
// in the current memory context.
void encode_attributes(const AttributeColumns &columns, const Datum *values, const bool *isnull, uint64_t *out);
// The conditions of a scan on the attributes, in the current memory context; keys on the vector are passed over.
filter::Predicate predicate_of(const AttributeColumns &columns, const ScanKeyData *keys, int count);

} // namespace vecx::pg
