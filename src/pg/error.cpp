#include "pg/error.hpp"

namespace vecx::pg {

namespace {

int sqlstate(Code code) {
    switch (code) {
    case Code::invalid_text:
        return ERRCODE_INVALID_TEXT_REPRESENTATION;
    case Code::invalid_binary:
        return ERRCODE_INVALID_BINARY_REPRESENTATION;
    case Code::invalid_value:
        return ERRCODE_INVALID_PARAMETER_VALUE;
    case Code::data_exception:
        return ERRCODE_DATA_EXCEPTION;
    case Code::out_of_range:
        return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
    case Code::limit_exceeded:
        return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
    case Code::array_error:
        return ERRCODE_ARRAY_SUBSCRIPT_ERROR;
    case Code::corrupted:
        return ERRCODE_INDEX_CORRUPTED;
    case Code::out_of_memory:
        return ERRCODE_OUT_OF_MEMORY;
    case Code::conflict:
        return ERRCODE_T_R_SERIALIZATION_FAILURE;
    case Code::cancelled:
        return ERRCODE_QUERY_CANCELED;
    case Code::ok:
    case Code::internal:
        break;
    }
    return ERRCODE_INTERNAL_ERROR;
}

} // namespace

void raise(const Status &status, const char *relation) {
    if (status.code == Code::corrupted)
        ereport(ERROR,
                (errcode(ERRCODE_INDEX_CORRUPTED),
                 relation != nullptr ? errmsg("index \"%s\" is corrupted: %s", relation, status.message)
                                     : errmsg("index is corrupted: %s", status.message),
                 status.block != Status::kNoBlock ? errdetail("Block %u.", status.block) : 0,
                 errhint("Please REINDEX it.")));
    ereport(ERROR, (errcode(sqlstate(status.code)), errmsg("%s", status.message),
                    status.detail[0] != '\0' ? errdetail("%s", status.detail) : 0));
    pg_unreachable();
}

bool accept(const Status &status, FunctionCallInfo fcinfo) {
    if (likely(status.ok()))
        return true;
    VECX_ERRSAVE(fcinfo->context, (errcode(sqlstate(status.code)), errmsg("%s", status.message),
                                   status.detail[0] != '\0' ? errdetail("%s", status.detail) : 0));
    return false;
}

} // namespace vecx::pg
