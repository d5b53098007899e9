// The checker of the layouts `inline` and `compact`: every page, record and link against the invariants of README.md.
// Read-only.
#pragma once

#include <cmath>

#include "hnsw/check.hpp"
#include "hnsw/inlined/directory.hpp"
#include "hnsw/inlined/lists.hpp"
#include "kernels/convert.hpp"

namespace vecx::hnsw::inlined {

// A vector as the checker needs it: rotated, with what its stored form and a coarse code of it may be off by.
struct Examined {
    float *rotated;
    double norm;  // |g|
    double slack; // of g
};

// Whether factors and code of one neighbour go with both vectors. Codes may have been computed from exact, stored or
// coarse vectors, so this allows several times what these differ by; nodes too close to each other for that pass.
inline bool code_agrees(const Shape &shape, const Examined &node, const Examined &neighbour, float add, float mul, const uint64_t *code) {
    const uint32_t bits = shape.code_bits();
    const double scale = std::sqrt(static_cast<double>(shape.rotated_dim()) / bits);
    double whole = 0, square = 0, along = 0, node_along = 0;
    for (uint32_t i = 0; i < shape.rotated_dim(); ++i) {
        const double p = static_cast<double>(node.rotated[i]), o = static_cast<double>(neighbour.rotated[i]) - p;
        whole += o * o;
        if (i >= bits)
            continue;
        const bool positive = ((code[i / 64] >> (i % 64)) & 1) != 0;
        square += o * o * scale * scale;
        along += (positive ? o : -o) * scale;
        node_along += (positive ? p : -p) * scale;
    }
    const double e = (node.slack + neighbour.slack) * scale, length = std::sqrt(square);
    if (!(e < length / 8))
        return true;
    const bool halved = shape.metric != Metric::l2; // factors of ip and cosine are half of those of l2
    const double s0 = -static_cast<double>(mul) * (halved ? 1 : 0.5);
    if (!(std::fabs(s0 * along - square) <= 0.3 * square + 8 * e * length))
        return false;
    double expected, terms;
    if (shape.metric == Metric::ip) {
        const double inner = (neighbour.norm * neighbour.norm - node.norm * node.norm - whole) / 2;
        expected = -inner + s0 * node_along;
        terms = std::fabs(inner) + node.norm * std::sqrt(whole);
    } else {
        const double factor = halved ? 0.5 : 1;
        expected = factor * (whole + 2 * s0 * node_along);
        terms = whole;
    }
    terms += 2 * std::fabs(s0 * node_along);
    return std::fabs(static_cast<double>(add) - expected) <= 0.05 * terms + 16 * e * (length + node.norm + neighbour.norm + e);
}

// One check of an index. See check() below.
template <NodeStore S, class Report, class TidSound>
class Checker {
  public:
    Checker(S &store, Arena &arena, const Shape &shape, uint32_t body_size, Report &report, TidSound &tid_sound)
        : store_(&store), shape_(shape), report_(&report), tid_sound_(&tid_sound), visitor_(store, shape),
          copies_(arena), links_(arena), tids_(arena), once_(arena), lists_(arena), seen_tids_(arena),
          chunks_(arena), queue_(arena), own_(arena), floats_(arena), to_list_(arena), listed_(arena), rows_(arena), arena_(&arena) {
        copies_.reserve(body_size / sizeof(TidChunkHead));
        links_.reserve(body_size / sizeof(Link));
        tids_.reserve(body_size / sizeof(HeapTid));
        own_.resize_uninitialized(shape.own_size());
        floats_.resize_uninitialized(2 * static_cast<size_t>(shape.dim) + 2 * size_t{shape.rotated_dim()});
    }

    Status run(CheckSummary *sum) {
        sum_ = sum;
        sum->top_level = -1;
        blocks_ = store_->block_count();
        for (uint32_t block = kMetaBlock; block < blocks_; ++block) {
            store_->poll();
            VECX_TRY(check_page(block));
        }
        VECX_TRY(check_lists());
        VECX_TRY(check_twice());
        if (shape_.attributes > 0)
            VECX_TRY(check_directory());
        chunks_.for_each([&](uint64_t &entry) { sum->orphan_chunks += (entry & (kPresent | kListed)) == kPresent; });
        return count_reachable();
    }

  private:
    static constexpr uint64_t kPresent = 1ull << 29, kListed = 1ull << 30;
    struct Copy { // of a record, to look at with the page unlocked
        Link self;
        bool node, entry, dead, listed;
        uint32_t first, count; // its links in links_, or its heap TIDs in tids_ (nodes: tid_first)
        uint32_t tid_first, tid_count;
        Link more, owner;
        uint32_t sampled; // place whose code was copied; kNobody: none
        float add, mul;
    };
    static constexpr uint32_t kNobody = 0xFFFFFFFFu;

    void find(uint32_t block, const char *what, Link at) {
        (*report_)(Status::corrupt(block, "%s: record %u/%u", what, at.block, at.slot));
    }

    Status check_page(uint32_t block) {
        sum_->pages += block != kMetaBlock;
        copies_.clear();
        links_.clear();
        tids_.clear();
        const char *fault = nullptr;
        VECX_TRY(store_->read(block, [&](const PageView &page) { fault = copy_page(page); }));
        if (fault != nullptr) {
            (*report_)(fault_status(block, fault));
            return Status{};
        }
        for (const Copy &c : copies_) {
            for (uint32_t i = 0; i < c.tid_count; ++i)
                check_tid(c, tids_[c.tid_first + i]);
            if (!c.node) {
                ++sum_->chunks;
                bool fresh;
                *chunks_.insert(c.self.key(), &fresh) |= kPresent;
                continue;
            }
            if (!c.entry) {
                ++sum_->nodes;
                sum_->dead_nodes += c.dead;
                sum_->living_nodes += !c.dead;
                if (!c.dead)
                    sum_->top_level = 0;
                if (!c.dead && c.listed && shape_.attributes > 0)
                    to_list_.push_back(c.self);
            }
            if (!c.more.none())
                lists_.push_back(List{c.self, c.more});
            VECX_TRY(check_links(c));
        }
        return Status{};
    }

    // Copies the records of a page and checks what can be told from it alone.
    const char *copy_page(const PageView &page) {
        if (const char *fault = page_fault(page); fault != nullptr)
            return fault;
        sum_->new_pages += page_is_new(page);
        uint32_t live_bytes = 0;
        for (uint32_t i = 0, n = slot_count(page); i < n; ++i) {
            const uint16_t slot = static_cast<uint16_t>(i);
            NodeView node;
            TidChunkView chunk;
            const char *fault = node_fault(page, shape_, slot, &node);
            if (fault == nullptr)
                fault = tid_chunk_fault(page, slot, &chunk);
            if (fault != nullptr)
                return fault;
            if (node.head == nullptr && chunk.head == nullptr) {
                const uint8_t *record;
                uint32_t length;
                for (RecordKind kind : {RecordKind::node, RecordKind::chunk})
                    if (record_fault(page, slot, kind, &record, &length) == nullptr && record != nullptr)
                        return "record of another layout";
                LeafView leaf;
                FencesView fences;
                if ((fault = leaf_fault(page, shape_, slot, &leaf)) != nullptr || (fault = fences_fault(page, slot, &fences)) != nullptr)
                    return fault;
                if (fences.head != nullptr && shape_.attributes == 0)
                    return "directory of attributes in an index without any";
                if (leaf.head != nullptr || fences.head != nullptr)
                    live_bytes += slot_at(page.body, page.size, i)->length;
                continue;
            }
            if ((page.block == kMetaBlock) != (node.head != nullptr && node.is_entry()))
                return "entry node outside the metapage, or another record there";
            live_bytes += slot_at(page.body, page.size, i)->length;
            Copy c{};
            c.self = Link{page.block, slot, node.head != nullptr ? node.head->generation : chunk.head->generation};
            c.tid_first = static_cast<uint32_t>(tids_.size());
            const HeapTid *tids = chunk.tids;
            if (node.head != nullptr) {
                if ((fault = copy_node(node, &c)) != nullptr)
                    return fault;
                tids = node.tids;
                c.tid_count = node.head->tid_count;
            } else {
                c.owner = chunk.head->node;
                c.more = chunk.head->next;
                c.tid_count = chunk.head->count;
                if (c.owner.none())
                    return "list of heap TIDs without a node";
            }
            if (tids_.size() + c.tid_count > tids_.capacity() || copies_.size() == copies_.capacity())
                return "records overlap";
            for (uint32_t k = 0; k < c.tid_count; ++k)
                tids_.push_back(tids[k]);
            copies_.push_back(c);
        }
        // Records, dead bytes and nothing else lie below data_end.
        if (!page_is_new(page) && live_bytes + page_head(page)->dead_bytes + records_start(page_head(page)) != page_head(page)->data_end)
            return "records overlap or free space is miscounted";
        return nullptr;
    }

    const char *copy_node(const NodeView &node, Copy *c) {
        const Head &head = *node.head;
        c->node = true;
        c->entry = node.is_entry();
        c->dead = node.dead();
        c->listed = (head.flags & kNodeUnlisted) == 0;
        c->more = head.more_tids;
        c->first = static_cast<uint32_t>(links_.size());
        c->count = head.places;
        c->sampled = kNobody;
        if (!c->entry && head.places != shape_.places)
            return "number of neighbours of a node is not that of the index";
        if (c->entry && (head.tid_count > 0 || !head.more_tids.none()))
            return "entry node with heap TIDs";
        if ((head.flags & ~(kNodeDead | kNodeEntry | (shape_.attributes > 0 ? kNodeUnlisted | kNodeRing : 0))) != 0)
            return "unknown flags of a node";
        if ((head.flags & kNodeDead) != 0 && (head.tid_count > 0 || !head.more_tids.none()))
            return "dead node with heap TIDs";
        for (uint32_t k = 0; k < shape_.attributes; ++k)
            if (filter::attribute_is_null(node.attributes, k) && filter::attribute_key(node.attributes, k) != 0)
                return "NULL with a key";
        if (shape_.attributes > 0 && node.attributes[0] >> shape_.attributes != 0)
            return "NULL in a column that there is not";
        if (links_.size() + head.places > links_.capacity())
            return "records overlap";
        // One code a node, in turn by its address.
        const uint32_t turn = static_cast<uint32_t>(mix64(c->self.key()) % head.places);
        for (uint32_t k = 0; k < head.places; ++k) {
            links_.push_back(node.links[k]);
            if (shape_.code_words == 0)
                continue;
            if (!is_finite_half(node.add[k]) || !is_finite_half(node.mul[k]))
                return "factor of a neighbour is not finite";
            if (!node.links[k].none() && (c->sampled == kNobody || k <= turn))
                c->sampled = k;
        }
        if (shape_.code_words > 0 && (!std::isfinite(head.add_scale) || !std::isfinite(head.mul_scale) || head.add_scale < 0 || head.mul_scale < 0))
            return "scale of factors out of range";
        if (!(head.own_scale >= 0) || !(head.own_error >= 0) || !(head.norm >= 0) || !std::isfinite(head.own_scale))
            return "vector of a node out of range";
        return nullptr;
    }
    static bool is_finite_half(uint16_t h) { return (h & 0x7C00) != 0x7C00; }

    void check_tid(const Copy &c, HeapTid tid) {
        if (!(*tid_sound_)(tid)) {
            find(c.self.block, "heap TID out of range", c.self);
            return;
        }
        ++sum_->tids;
        seen_tids_.add(tid);
    }

    Status check_links(const Copy &c) {
        once_.clear();
        for (uint32_t k = 0; k < c.count; ++k) {
            const Link l = links_[c.first + k];
            if (l.none())
                continue;
            ++sum_->links;
            if (l == c.self)
                find(c.self.block, "node links to itself", c.self);
            if (l.block == kMetaBlock || l.slot >= kMaxSlots || (l.block >= blocks_ && l.block >= (blocks_ = store_->block_count()))) {
                find(c.self.block, "node links outside the index", c.self);
                continue;
            }
            if (!once_.add(l.key()))
                find(c.self.block, "node links to another twice", c.self);
            bool found;
            if (Status s = visitor_.look(l, &found, [](const NodeView &) {}); !s.ok())
                continue; // reported with its own page
            sum_->stale_links += !found;
            if (found)
                continue;
            const char *fault = nullptr;
            Status s = store_->read(l.block, [&](const PageView &page) { fault = impossible_link(page, l, RecordKind::inlined_node); });
            if (s.ok() && fault != nullptr)
                find(c.self.block, fault, c.self);
        }
        return check_vector(c);
    }

    // The stored vector of a node against what its head says of it, and one of its codes.
    Status check_vector(const Copy &c) {
        const size_t dim = static_cast<size_t>(shape_.dim);
        Examined node{floats_.data() + 2 * dim, 0, 0}, other{node.rotated + shape_.rotated_dim(), 0, 0};
        bool found, sound = true;
        Link target{};
        float add = 0, mul = 0;
        uint64_t code[kMaxCodeWords];
        VECX_TRY(examine(c.self, &node, &found, &sound, [&](const NodeView &view) {
            if (c.sampled == kNobody)
                return;
            target = view.links[c.sampled]; // as of now, with its code
            add = f16(view.add[c.sampled]) * view.head->add_scale;
            mul = f16(view.mul[c.sampled]) * view.head->mul_scale;
            for (uint32_t w = 0; w < shape_.code_words && w < kMaxCodeWords; ++w)
                code[w] = view.codes[code_index(c.sampled, w, shape_.code_words)];
        }));
        if (found && !sound)
            find(c.self.block, "vector of a node is not what its head says", c.self);
        if (!found || target.none() || target.slot >= kMaxSlots || target.block >= blocks_ || target.block == kMetaBlock ||
            shape_.code_words > kMaxCodeWords)
            return Status{};
        if (Status s = examine(target, &other, &found, &sound, [](const NodeView &) {}); !s.ok() || !found || !sound)
            return Status{}; // reported with its own page
        if (!code_agrees(shape_, node, other, add, mul, code))
            find(c.self.block, "code of a neighbour does not go with its vector", c.self);
        return Status{};
    }

    static float f16(uint16_t h) { return f16_to_float(h); }

    template <class F>
    Status examine(Link link, Examined *out, bool *found, bool *sound, F f) {
        alignas(8) Head head;
        VECX_TRY(visitor_.look(link, found, [&](const NodeView &node) {
            head = *node.head;
            memcpy(own_.data(), node.own, own_.size());
            f(node);
        }));
        if (!*found)
            return Status{};
        float *x = floats_.data(), *g = x + shape_.dim;
        decode_own(shape_, head, own_.data(), x);
        const float norm = norm_of(shape_, x);
        if (!std::isfinite(norm) || !std::isfinite(head.norm) || !std::isfinite(head.own_error)) {
            // A vector of large coordinates has no norm; then nothing can be told.
            *sound = !std::isfinite(norm) == !std::isfinite(head.norm);
            *out = Examined{out->rotated, 0, std::numeric_limits<double>::infinity()};
            memset(out->rotated, 0, shape_.rotated_dim() * sizeof(float));
            return Status{};
        }
        const double n = static_cast<double>(norm), error = static_cast<double>(head.own_error);
        const double most = shape_.own == OwnKind::f16
                                ? n * 0x1p-10 + static_cast<double>(head.own_scale) * std::sqrt(shape_.dim) * 0x1p-24
                                : static_cast<double>(head.own_scale) * 0.51 * std::sqrt(shape_.dim);
        *sound = std::fabs(n - static_cast<double>(head.norm)) <= error + n * 1e-4 && error <= most * 1.01;
        to_geometry(shape_, x, norm, g);
        rotate(shape_, g, out->rotated);
        double largest = 0;
        for (uint32_t i = 0; i < shape_.rotated_dim(); ++i)
            largest = std::fmax(largest, std::fabs(static_cast<double>(out->rotated[i])));
        const bool unit = shape_.metric == Metric::cosine && n > 0;
        out->norm = unit ? 1 : n;
        // A coarse code is off by a 256th of its largest coordinate at most, by half of that on the whole.
        out->slack = (unit ? error / n : error) + largest / 127 * 0.5 * std::sqrt(static_cast<double>(shape_.rotated_dim()));
        return Status{};
    }

    // Lists of heap TIDs: chunks of their owner, and no ring.
    Status check_lists() {
        for (const List &list : lists_) {
            Link at = list.first;
            once_.clear();
            while (!at.none()) {
                store_->poll();
                if (at.slot >= kMaxSlots || at.block == kMetaBlock || (at.block >= blocks_ && at.block >= (blocks_ = store_->block_count()))) {
                    find(list.node.block, "list of heap TIDs leads outside the index", list.node);
                    break;
                }
                if (!once_.add(at.key())) {
                    find(list.node.block, "list of heap TIDs is a ring", list.node);
                    break;
                }
                TidChunkHead head;
                bool found;
                if (Status s = look_at_chunk(*store_, at, &head, &found); !s.ok() || !found)
                    break; // reported with its own page, or taken out of the list since
                if (head.node != list.node) {
                    find(at.block, "list of heap TIDs of another node", list.node);
                    break;
                }
                bool fresh;
                *chunks_.insert(at.key(), &fresh) |= kListed;
                at = head.next;
            }
        }
        return Status{};
    }

    Status check_twice() {
        if (!seen_tids_.any_twice())
            return Status{};
        for (uint32_t block = 1; block < blocks_; ++block) {
            store_->poll();
            tids_.clear();
            auto note = [&](const HeapTid *tids, uint32_t count) {
                for (uint32_t i = 0; i < count && tids_.size() < tids_.capacity(); ++i)
                    tids_.push_back(tids[i]);
            };
            if (Status s = for_each_node(*store_, shape_, block, [&](uint16_t, const NodeView &n) { note(n.tids, n.head->tid_count); }); !s.ok())
                continue;
            if (Status s = for_each_chunk(*store_, block, [&](uint16_t, const TidChunkView &c) { note(c.tids, c.head->count); }); !s.ok())
                continue;
            for (const HeapTid &tid : tids_)
                if (seen_tids_.add_again(tid))
                    (*report_)(tid_twice(block, tid));
        }
        return Status{};
    }

    // The directory of attributes has every living node, with its attributes, between its fences. VACUUM may take it apart
    // meanwhile: then it is read again. An entry is there before anybody can find its node, and stays until the node is dead.
    Status check_directory() {
        bool whole = false;
        for (int attempt = 0; attempt < kMaxRetries && !whole; ++attempt) {
            listed_.clear();
            VECX_TRY(walk_directory(
                *store_, shape_, *arena_, &whole, [](Link) { return Status{}; },
                [&](Link leaf, const Fence *fence) { return check_leaf(leaf, fence); }));
        }
        if (!whole) {
            find(kMetaBlock, "directory of attributes ends in nothing", Link{});
            return Status{};
        }
        for (const Link &link : to_list_) {
            store_->poll();
            if (listed_.has(link.key()))
                continue;
            bool found, dead = true;
            Status s = visitor_.look(link, &found, [&](const NodeView &node) { dead = node.dead(); });
            if (s.ok() && found && !dead)
                find(link.block, "node is missing in the directory of attributes", link);
        }
        return Status{};
    }
    Status check_leaf(Link leaf, const Fence *fence) {
        bool found;
        const uint32_t words = filter::attribute_words(shape_.attributes) + 1;
        rows_.clear();
        rows_.reserve(kMaxSlots);
        const char *fault = nullptr;
        VECX_TRY(look_at_leaf(*store_, shape_, leaf, &found, [&](const LeafView &view) {
            if (fence != nullptr && view.head->count != fence->count)
                fault = "leaf has not as many entries as its fence says";
            for (uint32_t i = 0; i < view.head->count && rows_.size() + words <= rows_.capacity(); ++i) {
                const size_t at = rows_.size();
                rows_.resize_uninitialized(at + words);
                memcpy(&rows_[at], view.entries + size_t{i} * view.each, view.each);
            }
        }));
        for (size_t at = 0; at < rows_.size() && fault == nullptr; at += words) {
            store_->poll();
            const uint64_t *row = &rows_[at + 1];
            const uint64_t key = filter::attribute_key(row, 0);
            if (fence != nullptr && (filter::attribute_is_null(row, 0) ? fence->nulls == 0 : key < fence->low || key > fence->high))
                fault = "entry of the directory of attributes outside its fence";
            Link link;
            memcpy(&link, &rows_[at], sizeof link);
            if (link.none() || link.slot >= kMaxSlots || link.block == kMetaBlock || link.block >= store_->block_count()) {
                fault = "entry of the directory of attributes leads outside the index";
                break;
            }
            listed_.add(link.key());
            bool there, same = true;
            Status s = visitor_.look(link, &there, [&](const NodeView &node) { same = memcmp(node.attributes, row, shape_.attributes_size()) == 0; });
            if (s.ok() && there && !same)
                fault = "entry of the directory of attributes is not what its node has";
        }
        if (fault != nullptr)
            find(leaf.block, fault, leaf);
        return Status{};
    }

    // Through the dead, as a search goes.
    Status count_reachable() {
        MetaRecord meta;
        VECX_TRY(read_meta(*store_, &meta));
        if (meta.entry.none() || meta.entry.block >= store_->block_count())
            return Status{};
        once_.clear();
        queue_.push_back(meta.entry);
        once_.add(meta.entry.key());
        for (size_t i = 0; i < queue_.size(); ++i) {
            store_->poll();
            bool found, dead = true;
            links_.clear();
            links_.reserve(kMaxPlaces + kGroup);
            Status s = visitor_.look(queue_[i], &found, [&](const NodeView &node) {
                dead = node.dead();
                for (uint32_t k = 0; k < node.head->places; ++k)
                    links_.push_back(node.links[k]);
            });
            if (!s.ok() || !found)
                continue;
            sum_->reachable += !dead;
            for (const Link &l : links_)
                if (!l.none() && l.slot < kMaxSlots && l.block != kMetaBlock && l.block < blocks_ && once_.add(l.key()))
                    queue_.push_back(l);
        }
        return Status{};
    }

    static constexpr uint32_t kMaxCodeWords = 512; // 32,768 dimensions, more than there can be

    struct List {
        Link node, first;
    };

    S *store_;
    Shape shape_;
    Report *report_;
    TidSound *tid_sound_;
    Visitor<S> visitor_;
    uint32_t blocks_ = 0;
    CheckSummary *sum_ = nullptr;
    Array<Copy> copies_;
    Array<Link> links_;
    Array<HeapTid> tids_;
    FlatSet<kKeyStateMask> once_;
    Array<List> lists_;
    TidsSeen seen_tids_;
    FlatSet<kKeyStateMask> chunks_;
    Array<Link> queue_;
    Array<uint8_t> own_;
    Array<float> floats_;
    Array<Link> to_list_; // living nodes that must be in the directory of attributes
    FlatSet<kKeyStateMask> listed_;
    Array<uint64_t> rows_;
    Arena *arena_;
};

// Calls report(const Status &) for each thing that is wrong and goes on; returns an error only when it cannot go on
// (metapage, I/O). What a crash may leave is counted and no finding. Inserts, VACUUM and scans may run beside it: every
// finding is about bytes seen together, or seen again. Memory: about 60 bytes for each row. `tid_sound(HeapTid)` tells
// whether a heap TID can be one.
template <NodeStore S, class Report, class TidSound = AnyTid>
Status check(S &store, Arena &arena, Report report, CheckSummary *summary = nullptr, TidSound tid_sound = {}) {
    MetaRecord meta;
    Shape shape;
    uint32_t body_size;
    VECX_TRY(read_shape(store, &meta, &shape, &body_size));
    CheckSummary sum{};
    Checker<S, Report, TidSound> checker(store, arena, shape, body_size, report, tid_sound);
    VECX_TRY(checker.run(&sum));
    if (summary != nullptr)
        *summary = sum;
    return Status{};
}

} // namespace vecx::hnsw::inlined
