// amvalidate: whether an operator class and its family are what the access method needs: for each type one
// ORDER BY operator that returns float8, and one support function that returns an OpclassInfo. There may be one
// condition, whose right side is a sphere. Or, for hnsw and ivf, a class of attributes: conditions with the strategies of btree, of which
// "equal" must be there.
#include "pg/hnsw/attributes.hpp"
#include "pg/hnsw/hnsw.hpp"

extern "C" {
#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace vecx::pg {

namespace {

struct Family {
    const char *name;
    const char *method;
    bool attributes; // its classes are for columns behind the vector
};

bool complain(const Family &family, const char *what, const char *object) {
    ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                   errmsg("operator family \"%s\" of access method %s contains %s %s", family.name, family.method, what, object)));
    return false;
}

bool function_is_right(Form_pg_amproc entry, const Family &family) {
    const char *name = format_procedure(entry->amproc);
    if (entry->amproclefttype != entry->amprocrighttype)
        return complain(family, "a support function for two different types:", name);
    if (entry->amprocnum != 1)
        return complain(family, "a support function with an invalid number:", name);
    if (!check_amproc_signature(entry->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
        return complain(family, "a support function with a wrong signature:", name);
    return true;
}

bool operator_is_right(Form_pg_amop entry, const Family &family) {
    const char *name = format_operator(entry->amopopr);
    if (family.attributes) {
        if (entry->amopstrategy < kAttributeLess || entry->amopstrategy > kAttributeGreater)
            return complain(family, "an operator with an invalid strategy number:", name);
        if (entry->amoppurpose != AMOP_SEARCH)
            return complain(family, "a condition for ORDER BY:", name);
        if (!check_amop_signature(entry->amopopr, BOOLOID, entry->amoplefttype, entry->amoprighttype))
            return complain(family, "a condition that does not return boolean:", name);
        return true;
    }
    if (entry->amopstrategy == kSphereStrategy) {
        if (entry->amoppurpose != AMOP_SEARCH)
            return complain(family, "a condition for ORDER BY:", name);
        if (!check_amop_signature(entry->amopopr, BOOLOID, entry->amoplefttype, entry->amoprighttype))
            return complain(family, "a condition that does not return boolean:", name);
        return true;
    }
    if (entry->amopstrategy != kDistanceStrategy)
        return complain(family, "an operator with an invalid strategy number:", name);
    if (entry->amoppurpose != AMOP_ORDER)
        return complain(family, "an operator that is not for ORDER BY:", name);
    if (!check_amop_signature(entry->amopopr, FLOAT8OID, entry->amoplefttype, entry->amoprighttype))
        return complain(family, "an ORDER BY operator that does not return float8:", name);
    if (!opfamily_can_sort_type(entry->amopsortfamily, FLOAT8OID))
        return complain(family, "an ORDER BY operator with a wrong sort family:", name);
    return true;
}

} // namespace

bool hnsw_validate(Oid opclass) {
    HeapTuple class_tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
    if (!HeapTupleIsValid(class_tuple))
        elog(ERROR, "cache lookup failed for operator class %u", opclass);
    Form_pg_opclass class_form = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(class_tuple));
    Oid family_oid = class_form->opcfamily;
    Oid type = class_form->opcintype;
    const char *method = get_am_name(class_form->opcmethod);
    const char *class_name = pstrdup(NameStr(class_form->opcname));
    bool has_key_type = OidIsValid(class_form->opckeytype) && class_form->opckeytype != type;
    ReleaseSysCache(class_tuple);

    HeapTuple family_tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family_oid));
    if (!HeapTupleIsValid(family_tuple))
        elog(ERROR, "cache lookup failed for operator family %u", family_oid);
    const char *family_name = pstrdup(NameStr(reinterpret_cast<Form_pg_opfamily>(GETSTRUCT(family_tuple))->opfname));
    ReleaseSysCache(family_tuple);

    bool attributes = false;
    {
        CatCList *all = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family_oid));
        for (int i = 0; i < all->n_members; ++i)
            attributes |= reinterpret_cast<Form_pg_amop>(GETSTRUCT(&all->members[i]->tuple))->amopstrategy == kAttributeEqual;
        ReleaseCatCacheList(all);
    }
    const Family family{family_name, method, attributes && (strcmp(method, "hnsw") == 0 || strcmp(method, "ivf") == 0)};
    bool right = true;
    if (has_key_type) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator class \"%s\" of access method %s has a storage type", class_name, method)));
        right = false;
    }

    CatCList *operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family_oid));
    CatCList *functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(family_oid));
    for (int i = 0; i < functions->n_members; ++i) {
        HeapTuple tuple = &functions->members[i]->tuple;
        right &= function_is_right(reinterpret_cast<Form_pg_amproc>(GETSTRUCT(tuple)), family);
    }
    for (int i = 0; i < operators->n_members; ++i) {
        HeapTuple tuple = &operators->members[i]->tuple;
        right &= operator_is_right(reinterpret_cast<Form_pg_amop>(GETSTRUCT(tuple)), family);
    }

    // Both members of the class itself must be there; other types of the family are their classes' matter.
    bool has_operator = false, has_function = false;
    List *groups = identify_opfamily_groups(operators, functions);
    ListCell *cell;
    foreach (cell, groups) {
        OpFamilyOpFuncGroup *group = static_cast<OpFamilyOpFuncGroup *>(lfirst(cell));
        if (group->lefttype != type || group->righttype != type)
            continue;
        has_operator = (group->operatorset & (1 << (family.attributes ? kAttributeEqual : kDistanceStrategy))) != 0;
        has_function = (group->functionset & (1 << 1)) != 0;
    }
    if (!has_operator || !has_function) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator class \"%s\" of access method %s is missing %s", class_name, method,
                              !has_operator ? (family.attributes ? "its operator for equal values" : "its ORDER BY operator")
                                            : "support function 1")));
        right = false;
    }

    ReleaseCatCacheList(functions);
    ReleaseCatCacheList(operators);
    return right;
}

} // namespace vecx::pg
