// Further key columns of an index, behind the vector. See attributes.hpp.
#include "pg/hnsw/attributes.hpp"

#include <algorithm>

#include "pg/export.hpp"

extern "C" {
#include "access/genam.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

#define VECX_ATTRIBUTE_CLASS(name, attribute_kind, is_exact)                                                          \
    VECX_FUNCTION(vecx_hnsw_attribute_##name) {                                                                       \
        static constexpr vecx::pg::AttributeInfo info{vecx::pg::kAttributeMagic, vecx::pg::AttributeKind::attribute_kind, \
                                                      is_exact};                                                      \
        PG_RETURN_POINTER(&info);                                                                                     \
    }

VECX_ATTRIBUTE_CLASS(boolean, boolean, true)
VECX_ATTRIBUTE_CLASS(integer, integer, true)
VECX_ATTRIBUTE_CLASS(real, real, true)
VECX_ATTRIBUTE_CLASS(numeric, numeric, false)
VECX_ATTRIBUTE_CLASS(date, date, true)
VECX_ATTRIBUTE_CLASS(timestamp, timestamp, true)
VECX_ATTRIBUTE_CLASS(uuid, uuid, false)
VECX_ATTRIBUTE_CLASS(text, text, false)
VECX_ATTRIBUTE_CLASS(enumeration, enumeration, true)

namespace vecx::pg {

namespace {

using filter::Condition;

// The key of a value of `type`, which is the column's or one that its operators compare it with. On disk: what comes out must
// never change.
uint64_t key_of(AttributeKind kind, Oid type, Oid collation, Datum value) {
    switch (kind) {
    case AttributeKind::boolean:
        return filter::key_of_integer(DatumGetBool(value));
    case AttributeKind::integer:
        switch (type) {
        case INT2OID:
            return filter::key_of_integer(DatumGetInt16(value));
        case INT4OID:
            return filter::key_of_integer(DatumGetInt32(value));
        case INT8OID:
            return filter::key_of_integer(DatumGetInt64(value));
        }
        break;
    case AttributeKind::real:
        switch (type) {
        case FLOAT4OID:
            return filter::key_of_float(static_cast<double>(DatumGetFloat4(value)));
        case FLOAT8OID:
            return filter::key_of_float(DatumGetFloat8(value));
        }
        break;
    case AttributeKind::numeric:
        // To the nearest double: it keeps the order, and several numbers may become one.
        return filter::key_of_float(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)));
    case AttributeKind::date:
        return filter::key_of_integer(DatumGetDateADT(value));
    case AttributeKind::timestamp: // with or without time zone
        return filter::key_of_integer(DatumGetTimestamp(value));
    case AttributeKind::uuid:
        return filter::key_of_bytes(DatumGetUUIDP(value)->data);
    case AttributeKind::text:
        // As the hash index has it: values that are equal under the collation have one hash.
        return static_cast<uint64_t>(DatumGetInt64(DirectFunctionCall2Coll(hashtextextended, collation, value, Int64GetDatum(0))));
    case AttributeKind::enumeration:
        return DatumGetObjectId(value); // equal or not; their order may be changed by ALTER TYPE
    }
    elog(ERROR, "value of type %u cannot be compared with a column of a vector index", type);
    pg_unreachable();
}

// The elements of an array that are not NULL, as ascending keys.
void read_array(const AttributeColumns::Column &column, Datum value, Oid element, Condition *out) {
    ArrayType *array = DatumGetArrayTypeP(value);
    int16 width;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(ARR_ELEMTYPE(array), &width, &by_value, &alignment);
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_array(array, ARR_ELEMTYPE(array), width, by_value, alignment, &elements, &nulls, &count);
    uint64_t *keys = static_cast<uint64_t *>(palloc_extended(sizeof(uint64_t) * static_cast<size_t>(std::max(count, 1)), MCXT_ALLOC_HUGE));
    uint32_t n = 0;
    for (int i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        if (!nulls[i])
            keys[n++] = key_of(column.kind, element, column.collation, elements[i]);
    }
    std::sort(keys, keys + n);
    n = static_cast<uint32_t>(std::unique(keys, keys + n) - keys);
    out->keys = keys;
    out->count = n;
}

} // namespace

AttributeColumns attribute_columns(Relation index) {
    AttributeColumns out;
    const int natts = IndexRelationGetNumberOfKeyAttributes(index);
    for (int i = 1; i < natts; ++i) {
        FmgrInfo *function = index_getprocinfo(index, static_cast<AttrNumber>(i + 1), 1);
        const AttributeInfo *info = reinterpret_cast<const AttributeInfo *>(
            DatumGetPointer(FunctionCall1Coll(function, InvalidOid, PointerGetDatum(nullptr))));
        if (info == nullptr || info->magic != kAttributeMagic)
            ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                            errmsg("column %d of index \"%s\" cannot follow a vector", i + 1, RelationGetRelationName(index)),
                            errdetail("Only the first column of an %s index is a vector.", access_method_name(index))));
        AttributeColumns::Column &column = out.columns[out.count++];
        column.kind = info->kind;
        column.exact = info->exact;
        column.type = TupleDescAttr(RelationGetDescr(index), i)->atttypid;
        if (column.kind == AttributeKind::integer || column.kind == AttributeKind::real) // a domain has its base type
            column.type = getBaseType(column.type);
        column.collation = index->rd_indcollation[i];
    }
    return out;
}

void encode_attributes(const AttributeColumns &columns, const Datum *values, const bool *isnull, uint64_t *out) {
    out[0] = 0;
    for (int i = 0; i < columns.count; ++i) {
        const AttributeColumns::Column &column = columns.columns[i];
        if (isnull[i + 1])
            filter::set_attribute_null(out, static_cast<uint32_t>(i));
        else
            filter::set_attribute(out, static_cast<uint32_t>(i), key_of(column.kind, column.type, column.collation, values[i + 1]));
    }
}

filter::Predicate predicate_of(const AttributeColumns &columns, const ScanKeyData *keys, int count) {
    filter::Predicate out;
    Condition *conditions = static_cast<Condition *>(palloc0(sizeof(Condition) * static_cast<size_t>(std::max(count, 1))));
    out.conditions = conditions;
    for (int i = 0; i < count; ++i) {
        const ScanKeyData &key = keys[i];
        if (key.sk_attno == 1)
            continue;
        if (key.sk_attno < 1 || key.sk_attno > columns.count + 1)
            elog(ERROR, "scan key of column %d of an index with %d", key.sk_attno, columns.count + 1);
        const AttributeColumns::Column &column = columns.columns[key.sk_attno - 2];
        Condition &condition = conditions[out.count++];
        condition.column = static_cast<uint16_t>(key.sk_attno - 2);
        condition.exact = column.exact;
        if ((key.sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL)) != 0) {
            condition.how = (key.sk_flags & SK_SEARCHNULL) != 0 ? Condition::How::is_null : Condition::How::not_null;
            condition.exact = true;
            continue;
        }
        if ((key.sk_flags & SK_ISNULL) != 0) { // the operators are strict
            out.never = true;
            continue;
        }
        static_assert(kAttributeLess == 1 && kAttributeGreater == 5);
        constexpr Condition::How kHow[] = {Condition::How::less, Condition::How::less_equal, Condition::How::equal,
                                           Condition::How::greater_equal, Condition::How::greater};
        if (key.sk_strategy < kAttributeLess || key.sk_strategy > kAttributeGreater)
            elog(ERROR, "unrecognized strategy number: %d", key.sk_strategy);
        condition.how = kHow[key.sk_strategy - 1];
        const Oid type = OidIsValid(key.sk_subtype) ? key.sk_subtype : column.type;
        if ((key.sk_flags & SK_SEARCHARRAY) == 0) {
            condition.key = key_of(column.kind, type, column.collation, key.sk_argument);
            continue;
        }
        // column <op> ANY (array)
        read_array(column, key.sk_argument, type, &condition);
        out.never |= condition.count == 0;
        if (condition.how == Condition::How::equal)
            condition.how = Condition::How::any;
        else if (condition.count > 0) // true of one if it is true of the farthest
            condition.key = key.sk_strategy < kAttributeEqual ? condition.keys[condition.count - 1] : condition.keys[0];
    }
    return out;
}

} // namespace vecx::pg
