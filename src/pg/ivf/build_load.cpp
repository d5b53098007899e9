// Rows of the table into lists: batches of rows find their centroids together, are encoded, and sorted by list.
#include <algorithm>
#include <new>

#include "ivf/codebook.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/ivf/build.hpp"
#include "pg/memory.hpp"
#include "pg/progress.hpp"

extern "C" {
#include "access/tupdesc.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "utils/memutils.h"
}

namespace vecx::pg {

namespace {

constexpr int kColumns = 3; // list, tid, row
constexpr size_t kRowOffset = 8; // of an encoded row behind the length word and padding

TupleDesc row_descriptor() {
    TupleDesc desc = CreateTemplateTupleDesc(kColumns);
    TupleDescInitEntry(desc, 1, "list", INT4OID, -1, 0);
    TupleDescInitEntry(desc, 2, "tid", TIDOID, -1, 0);
    TupleDescInitEntry(desc, 3, "row", BYTEAOID, -1, 0);
    return desc;
}

quant::Codebook open_book(const ivf::Shape &shape, const uint8_t *bytes, Arena &arena) {
    quant::Codebook book{};
    if (!shape.learnt())
        return book;
    float *words = arena.make_array<float>(quant::word_bytes(shape.code_kind(), shape.centroid_dim()) + 1);
    if (const char *fault = ivf::open_codebook(shape, bytes, words, &book); fault != nullptr)
        elog(ERROR, "%s", fault);
    return book;
}

void team_poll(void *) { CHECK_FOR_INTERRUPTS(); }

class Loader {
  public:
    Loader(const ListPlan &plan, const ListData &data, ListCounters *counters, const cluster::NearestRows &nearest,
           Tuplesortstate *sort, bool report, const AttributeColumns &columns)
        : plan_(plan), data_(data), counters_(counters), nearest_(nearest), sort_(sort), report_(report), arena_(arena_over(CurrentMemoryContext)),
          tuple_context_(AllocSetContextCreate(CurrentMemoryContext, "ivf build tuple", ALLOCSET_DEFAULT_SIZES)),
          book_(open_book(plan.shape, data.codebook, arena_)), encoder_(plan.shape, data.mean, arena_, &book_), slot_(row_slot(&TTSOpsVirtual)),
          keeps_(!plan.shape.coded() || plan.shape.rerank == ivf::RerankKind::index), columns_(columns),
          words_(filter::attribute_words(plan.shape.attributes)) {
        const size_t rows = plan.batch_rows, dim = static_cast<size_t>(plan.shape.dim);
        geometry_ = arena_.make_array<float>(rows * dim);
        pointers_ = arena_.make_array<const float *>(rows);
        score_ = arena_.make_array<float>(rows);
        which_ = arena_.make_array<uint32_t>(rows);
        tids_ = arena_.make_array<ItemPointerData>(rows);
        payloads_ = keeps_ ? arena_.make_array<uint8_t>(rows * plan.shape.payload_size) : nullptr;
        attributes_ = words_ > 0 ? arena_.make_array<uint64_t>(rows * words_) : nullptr;
        for (size_t i = 0; i < rows; ++i)
            pointers_[i] = geometry_ + i * dim;
        row_ = reinterpret_cast<uint8_t *>(arena_.make_array<uint64_t>((kRowOffset + plan.shape.row_size() + 7) / 8 + 1));
        if (data.clustering.lists.columns > 0)
            assigner_ = new (palloc(sizeof(cluster::Assigner))) cluster::Assigner(data.clustering, arena_);
        team_.poll = team_poll;
    }

    static void add_tuple(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *opaque) {
        Loader &loader = *static_cast<Loader *>(opaque);
        const uint64_t seen = loader.counters_->seen.fetch_add(1, std::memory_order_relaxed) + 1;
        if (loader.report_ && seen % 128 == 0)
            report_tuples_done(static_cast<int64>(seen));
        if (isnull[0])
            return;
        MemoryContext before = MemoryContextSwitchTo(loader.tuple_context_);
        bool indexable;
        Payload payload = payload_of(values[0], loader.plan_.shape, false, &indexable);
        if (indexable)
            loader.add(tid, payload, values, isnull);
        MemoryContextSwitchTo(before);
        MemoryContextReset(loader.tuple_context_);
    }

    void flush() {
        if (assigner_ != nullptr)
            assigner_->assign(pointers_, count_, score_, which_, team_);
        else
            memset(which_, 0, count_ * sizeof(uint32_t));
        const ivf::Shape &shape = plan_.shape;
        if (data_.queries.columns > 0)
            nearest_.add(data_.queries, nearness_of(shape), pointers_, which_, count_);
        for (uint32_t i = 0; i < count_; ++i) {
            const uint8_t *centroid = data_.centroids + size_t{which_[i]} * shape.centroid_size();
            const Payload payload{keeps_ ? payloads_ + size_t{i} * shape.payload_size : nullptr,
                                  keeps_ ? shape.payload_size : 0};
            encoder_.place_geometry(pointers_[i]);
            encoder_.encode(*reinterpret_cast<const ivf::CentroidHead *>(centroid),
                            reinterpret_cast<const int8_t *>(centroid + sizeof(ivf::CentroidHead)), payload, row_ + kRowOffset);
            ivf::put_row_attributes(shape, row_ + kRowOffset, attributes_ + size_t{i} * words_);
            SET_VARSIZE(row_ + kRowOffset - VARHDRSZ, VARHDRSZ + shape.row_size());
            ExecClearTuple(slot_);
            slot_->tts_values[0] = Int32GetDatum(static_cast<int32>(which_[i]));
            slot_->tts_values[1] = PointerGetDatum(&tids_[i]);
            slot_->tts_values[2] = PointerGetDatum(row_ + kRowOffset - VARHDRSZ);
            memset(slot_->tts_isnull, 0, kColumns * sizeof(bool));
            ExecStoreVirtualTuple(slot_);
            tuplesort_puttupleslot(sort_, slot_);
        }
        counters_->rows.fetch_add(count_, std::memory_order_relaxed);
        count_ = 0;
    }

    void end() {
        flush();
        ExecDropSingleTupleTableSlot(slot_);
        MemoryContextDelete(tuple_context_);
    }

  private:
    void add(ItemPointer tid, Payload payload, const Datum *values, const bool *isnull) {
        ivf::to_geometry(plan_.shape, payload, geometry_ + size_t{count_} * static_cast<uint32_t>(plan_.shape.dim));
        if (keeps_)
            memcpy(payloads_ + size_t{count_} * plan_.shape.payload_size, payload.bytes, payload.size);
        tids_[count_] = *tid;
        if (words_ > 0)
            encode_attributes(columns_, values, isnull, attributes_ + size_t{count_} * words_);
        if (++count_ == plan_.batch_rows)
            flush();
    }

    ListPlan plan_;
    ListData data_;
    ListCounters *counters_;
    cluster::NearestRows nearest_;
    Tuplesortstate *sort_;
    bool report_;
    Arena arena_;
    MemoryContext tuple_context_; // reset after each tuple
    quant::Codebook book_; // of a learnt() shape
    ivf::RowEncoder encoder_;
    TupleTableSlot *slot_;
    bool keeps_; // the index keeps payloads
    AttributeColumns columns_;
    uint32_t words_; // of a row's attributes
    cluster::Assigner *assigner_ = nullptr;
    cluster::Team team_;
    uint32_t count_ = 0; // rows of the batch
    float *geometry_;
    const float **pointers_;
    float *score_;
    uint32_t *which_;
    ItemPointerData *tids_;
    uint8_t *payloads_;
    uint64_t *attributes_;
    uint8_t *row_;
};

} // namespace

TupleTableSlot *row_slot(const TupleTableSlotOps *ops) { return MakeSingleTupleTableSlot(row_descriptor(), ops); }

Tuplesortstate *begin_row_sort(int kilobytes, SortCoordinate coordinate) {
    AttrNumber columns[] = {1, 2};
    Oid operators[] = {Int4LessOperator, TIDLessOperator};
    Oid collations[] = {InvalidOid, InvalidOid};
    bool nulls_first[] = {false, false};
    return tuplesort_begin_heap(row_descriptor(), 2, columns, operators, collations, nulls_first, kilobytes, coordinate,
                                TUPLESORT_NONE);
}

double load_rows(Relation heap, Relation index, IndexInfo *info, const ListPlan &plan, const ListData &data,
                 ListCounters *counters, const cluster::NearestRows &nearest, Tuplesortstate *sort, TableScanDescData *scan,
                 bool report) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf build load", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Loader *loader = new (palloc(sizeof(Loader))) Loader(plan, data, counters, nearest, sort, report, attribute_columns(index));
    // A serial scan is not synchronized with others: it would start at a block of chance.
    const double tuples = table_index_build_scan(heap, index, info, scan != nullptr, report, Loader::add_tuple, loader, scan);
    loader->end();
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return tuples;
}

bool next_row(Tuplesortstate *sort, TupleTableSlot *slot, const ivf::Shape &shape, uint32_t *list, ivf::HeapTid *tid,
              uint8_t *row) {
    if (!tuplesort_gettupleslot(sort, true, false, slot, nullptr))
        return false;
    bool isnull;
    *list = static_cast<uint32_t>(DatumGetInt32(slot_getattr(slot, 1, &isnull)));
    memcpy(tid, DatumGetPointer(slot_getattr(slot, 2, &isnull)), sizeof *tid);
    const varlena *stored = reinterpret_cast<const varlena *>(DatumGetPointer(slot_getattr(slot, 3, &isnull)));
    if (VARSIZE_ANY_EXHDR(stored) != shape.row_size())
        elog(ERROR, "a sorted row has %zu bytes instead of %u", static_cast<size_t>(VARSIZE_ANY_EXHDR(stored)), shape.row_size());
    memcpy(row, VARDATA_ANY(stored), shape.row_size());
    return true;
}

} // namespace vecx::pg
