// Making pages from a graph in memory. See graph_write.hpp.
#include "hnsw/inlined/graph_write.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/core_only.hpp"

namespace vecx::hnsw::inlined {

namespace {

constexpr uint32_t kLeastTids = 16; // worth starting a chunk for on a used page

uint32_t page_room(uint32_t body_size) { return body_size - static_cast<uint32_t>(sizeof(PageHead)); }

float square(const float *x, uint32_t n) { return kernels::active->dot_f32(x, x, n); }

uint8_t *add(MutablePage &page, uint32_t length, RecordKind kind) {
    uint16_t slot, generation;
    if (!add_record(page, length, kind, &slot, &generation))
        return nullptr; // cannot be: the pages were planned
    return page.body + slot_at(page.body, page.size, slot)->offset;
}

} // namespace

PageMaker::PageMaker(Arena &arena, Graph &graph, const Array<uint32_t> &order, const Array<uint32_t> &entries,
                     uint32_t body_size, uint32_t first_block, const Poll &poll)
    : graph_(&graph), shape_(graph.shape()), order_(&order), entries_(&entries), body_size_(body_size),
      first_block_(first_block), longs_(arena) {
    per_page_ = inlined::nodes_per_page(shape_, body_size);
    node_pages_ = (graph.nodes() + per_page_ - 1) / per_page_;
    rotated_ = arena.make_array<float>(shape_.rotated_dim());
    other_ = arena.make_array<float>(shape_.rotated_dim());
    code_ = arena.make_array<uint64_t>(shape_.code_words + 1u);
    if (graph.any_more_tids())
        plan_tids(poll);
}

void PageMaker::nodes_of(uint32_t page, uint32_t *first, uint32_t *count) const {
    *first = page * per_page_;
    *count = std::min(per_page_, static_cast<uint32_t>(order_->size()) - *first);
}

// --- heap TIDs ------------------------------------------------------------------------------------------------

void PageMaker::plan_tids(const Poll &poll) {
    for (uint32_t position = 0; position < order_->size(); ++position) {
        if (position % 1024 == 1023)
            poll(position, order_->size());
        const Graph::Node *n = graph_->node((*order_)[position]);
        if (n->more_tids == 0)
            continue;
        uint32_t seen = 1, item = 0, extra = 0;
        for (uint32_t i = n->more_tids; i != 0; i = graph_->next_tid(i), ++seen)
            if (seen >= shape_.tid_places) {
                if (extra++ == 0)
                    item = i;
            }
        if (extra > 0)
            longs_.push_back(Long{position, item, extra, Link{}});
    }
    tids_.block = first_block_ + node_pages_;
    tids_.left = page_room(body_size_);
    for (TidWalk walk = tids_; walk.at < longs_.size();) {
        Long &list = longs_[walk.at];
        const bool first = walk.done == 0;
        TidPiece piece = next_piece(walk);
        if (first)
            list.first = piece.link;
    }
    if (!longs_.empty())
        next_item_ = longs_[0].item;
}

PageMaker::TidPiece PageMaker::next_piece(TidWalk &walk) const {
    const Long &list = longs_[walk.at];
    const uint32_t rest = list.count - walk.done;
    auto fits = [&] {
        constexpr uint32_t kFixed = sizeof(Slot) + sizeof(TidChunkHead) + 8; // with what alignment may take
        return walk.left < kFixed ? 0 : (walk.left - kFixed) / static_cast<uint32_t>(sizeof(HeapTid));
    };
    if (fits() < std::min(rest, kLeastTids)) {
        ++walk.block;
        walk.left = page_room(body_size_);
        walk.slot = 0;
    }
    TidPiece piece{Link{walk.block, walk.slot, 1}, Link{}, std::min(rest, fits())};
    walk.left -= tid_chunk_size(piece.count) + static_cast<uint32_t>(sizeof(Slot));
    ++walk.slot;
    walk.done += piece.count;
    if (piece.count < rest) {
        ++walk.block;
        walk.left = page_room(body_size_);
        walk.slot = 0;
        piece.next = Link{walk.block, 0, 1};
    } else {
        ++walk.at;
        walk.done = 0;
    }
    return piece;
}

void PageMaker::fill_tids(MutablePage &page) {
    init_page(page, PageKind::nodes);
    while (tids_.at < longs_.size()) {
        const size_t at = tids_.at;
        TidWalk walk = tids_;
        TidPiece piece = next_piece(walk);
        if (piece.link.block != page.block)
            return;
        tids_ = walk;
        uint8_t *record = add(page, tid_chunk_size(piece.count), RecordKind::tid_chunk);
        if (record == nullptr)
            return;
        TidChunkHead *head = reinterpret_cast<TidChunkHead *>(record);
        head->count = head->capacity = static_cast<uint16_t>(piece.count);
        head->next = piece.next;
        head->node = place(longs_[at].position);
        HeapTid *out = reinterpret_cast<HeapTid *>(record + sizeof(TidChunkHead));
        for (uint32_t i = 0; i < piece.count; ++i, next_item_ = graph_->next_tid(next_item_))
            out[i] = graph_->tid_at(next_item_);
        if (tids_.at != at && tids_.at < longs_.size())
            next_item_ = longs_[tids_.at].item;
    }
}

// --- nodes ----------------------------------------------------------------------------------------------------

// Links and codes of `count` neighbours; id_of(i) is the i-th. Norms matter to inner products only.
template <class Id>
void PageMaker::set_neighbours(const NodeEdit &edit, const Placed &node, const float *distances2, uint32_t count, Id id_of) {
    const uint32_t n = shape_.rotated_dim();
    for (uint32_t i = 0; i < count; ++i) {
        const Graph::Node *neighbour = graph_->node(id_of(i));
        float add = 0, mul = 0;
        if (shape_.code_words > 0) {
            graph_->decode(neighbour, other_);
            const Placed other{other_, shape_.metric == Metric::ip ? square(other_, n) : 0};
            const float distance2 = distances2 != nullptr ? distances2[i] : kernels::active->l2sq_f32(node.rotated, other_, n);
            encode_neighbour(shape_, node, other, distance2, &add, &mul, code_);
        }
        set_neighbour(edit, shape_, i, place(neighbour->next), add, mul, code_);
    }
}

bool PageMaker::fill_entry(MutablePage &page, const char **fault) {
    NodeEdit edit;
    if (!add_entry_node(page, shape_, Link{}, &edit, fault))
        return false;
    // Under cosine only the direction of the mean counts, which the whole numbers of int8vec hold when they are large. Codes
    // are relative to what was stored.
    const size_t n = static_cast<size_t>(shape_.dim);
    float largest = 0;
    memcpy(other_, graph_->frame().mean, n * sizeof(float));
    for (size_t i = 0; i < n; ++i)
        largest = std::max(largest, std::fabs(other_[i]));
    for (size_t i = 0; i < n && largest > 0 && shape_.metric == Metric::cosine; ++i)
        other_[i] *= 127 / largest;
    encode_own(shape_, other_, edit.own, edit.head);
    decode_own(shape_, *edit.head, edit.own, other_);
    to_geometry(shape_, other_, edit.head->norm, other_);
    rotate(shape_, other_, rotated_);
    Placed node{rotated_, square(rotated_, shape_.rotated_dim())};
    set_neighbours(edit, node, nullptr, static_cast<uint32_t>(entries_->size()), [&](uint32_t i) { return (*entries_)[i]; });
    return true;
}

void PageMaker::fill_nodes(MutablePage &page, uint32_t number, const uint8_t *stored) {
    init_page(page, PageKind::nodes);
    const uint32_t size = RowCoder::stored_size(shape_);
    uint32_t first, count;
    nodes_of(number, &first, &count);
    for (uint32_t k = 0; k < count; ++k, stored += size) {
        uint8_t *record = add(page, shape_.record_size(shape_.places), RecordKind::inlined_node);
        if (record == nullptr)
            return;
        const Graph::Node *n = graph_->node((*order_)[first + k]);
        NodeEdit edit = edit_record(record, shape_, shape_.places);
        Spilled own;
        memcpy(&own, stored, sizeof own);
        edit.head->places = static_cast<uint8_t>(shape_.places);
        edit.head->links_version = 1;
        edit.head->own_scale = own.own_scale;
        edit.head->own_error = own.own_error;
        edit.head->norm = own.norm;
        edit.head->hash = own.hash;
        if (shape_.attributes > 0)
            memcpy(edit.attributes, stored + sizeof own, shape_.attributes_size());
        memcpy(edit.own, stored + sizeof own + shape_.attributes_size(), shape_.own_size());
        graph_->for_each_tid(n, [&](HeapTid tid) {
            if (edit.head->tid_count == shape_.tid_places)
                return false;
            edit.tids[edit.head->tid_count++] = tid;
            return true;
        });
        const Long *list = std::lower_bound(longs_.begin(), longs_.end(), first + k,
                                            [](const Long &l, uint32_t position) { return l.position < position; });
        if (list != longs_.end() && list->position == first + k)
            edit.head->more_tids = list->first;
        Placed node{rotated_, 0};
        if (shape_.code_words > 0) {
            graph_->decode(n, rotated_);
            if (shape_.metric == Metric::ip)
                node.norm2 = square(rotated_, shape_.rotated_dim());
        }
        set_neighbours(edit, node, graph_->distances2(n), n->count, [&](uint32_t i) { return graph_->neighbour(n, i); });
    }
}

} // namespace vecx::hnsw::inlined
