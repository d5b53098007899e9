// The search that an insert makes: it stops at a node with the very vector, and keeps a copy of the stored vectors of
// all candidates, so that choosing among them needs no page again.
#pragma once

#include <algorithm>
#include <span>

#include "base/heap.hpp"
#include "hnsw/inlined/copies.hpp"
#include "hnsw/inlined/visitor.hpp"

namespace vecx::hnsw::inlined {

// The node that is being made.
struct NewNode {
    Payload payload;
    const uint64_t *attributes; // of an index that has any
    Head head;       // own_scale, own_error, norm, hash
    uint8_t *own;    // as it will be stored
    Stored stored;
    Query query;     // of the exact vector
    Placed placed;   // of the stored one; empty in layout compact
};

// A living node met by the search.
struct Near {
    float key;
    Link link;
    Stored stored;
};

template <NodeStore S>
class Explorer {
  public:
    Explorer(S &store, Arena &arena, const Shape &shape)
        : visitor(store, shape), near(arena), alike(arena), met(arena), pool(arena, shape), links_(arena), opened_(arena), frontier_(arena), best_(arena) {}

    static constexpr uint32_t kSeen = 0;      // not visited, or not among the candidates
    static constexpr uint32_t kUseless = 1;   // gone or dead
    static constexpr uint32_t kFirstNear = 2; // value - kFirstNear is the place in `near`

    Visitor<S> visitor;
    Array<Near> near; // the candidates; finish() puts the nearest first
    // With attributes: living nodes with the very vector, but other attributes. None of them is in `near`: a new node gets
    // into their ring (ring.hpp), and chooses its neighbours among the others, else it would have none but these.
    Array<Link> alike;
    LinkMap met;      // what the search knows of a link, until finish()
    CopyPool pool;
    Link equal{};     // a living node with the very vector and attributes; none: not met
    Link entry{};     // the entry node, when it was met: it has no row
    bool entry_has_room = false; // it has free places
    bool entry_found = false; // one of the points that the search started from is there
    bool limited = false;     // the memory limit ended the search: there may be nearer nodes, or others at all

    // `ef` living nodes wide. `ignore` is never a candidate. About `memory_limit` bytes are used at most, but as many as a
    // search through a sound graph needs.
    void begin(const NewNode &node, uint32_t ef, Link ignore, size_t memory_limit) {
        node_ = &node;
        ef_ = ef;
        ignore_ = ignore;
        const size_t candidate = visitor.shape().own_size() + sizeof(Near);
        limit_ = std::max(memory_limit, kLeastMemory + 4 * candidate * ef);
        limited = false;
        near.clear();
        alike.clear();
        alike_met_ = 0;
        met.clear();
        pool.clear();
        links_.clear();
        opened_.clear();
        frontier_.clear();
        best_.clear();
        equal = entry = Link{};
        entry_found = entry_has_room = false;
    }

    // A point to start from. May be called again between runs.
    Status start(Link link) {
        bool fresh, found;
        met.insert(link, kSeen, &fresh);
        if (!fresh)
            return Status{};
        VECX_TRY(visit(link, &found));
        entry_found |= found;
        return Status{};
    }

    // Goes on until the candidates are the nearest that can be found, or `equal` is met; then it may be called again
    // to go on without that one.
    Status run() {
        equal = Link{};
        while (!frontier_.empty() && !limited) {
            if (best_.size() >= ef_ && frontier_.top().key > best_.top())
                break;
            const Step step = frontier_.pop();
            if (step.opened == kNone && !frontier_.empty()) // most probably the next
                visitor.prefetch(frontier_.top().link);
            visitor.store().poll();
            if (step.opened != kNone) { // its neighbours are still to be visited
                const Opened opened = opened_[step.opened];
                for (uint32_t i = opened.next; i < opened.end && !limited; ++i) {
                    bool fresh, found;
                    const Link link = links_[i];
                    if (i + 1 < opened.end)
                        visitor.prefetch(links_[i + 1]);
                    met.insert(link, kSeen, &fresh);
                    if (!fresh)
                        continue;
                    visitor.store().poll(); // each may have to come from the disk
                    VECX_TRY(visit(link, &found));
                    if (!equal.none()) {
                        opened_[step.opened].next = i + 1;
                        frontier_.push(step);
                        return Status{};
                    }
                }
                continue;
            }
            bool found;
            VECX_TRY(visit(step.link, &found));
            if (!equal.none())
                return Status{};
        }
        return Status{};
    }

    // The nearest `ef` candidates, ascending.
    void finish() {
        std::sort(near.begin(), near.end(), [](const Near &a, const Near &b) {
            return a.key != b.key ? a.key < b.key : a.link.key() < b.link.key();
        });
        if (near.size() > ef_)
            near.resize_uninitialized(ef_);
        for (size_t i = 0; i < near.size(); ++i)
            *met.find(near[i].link) = kFirstNear + static_cast<uint32_t>(i);
    }

    std::span<const Link> all_alike() const { return {alike.data(), alike.size()}; }

    // Whether a link is known to lead to nothing.
    bool useless(Link link) {
        const uint32_t *value = met.find(link);
        return value != nullptr && *value == kUseless;
    }

    // What the search occupies; arrays that grow count twice while they are copied.
    size_t bytes() const {
        return met.bytes() + pool.bytes() + near.capacity_bytes() + alike.capacity_bytes() + links_.capacity_bytes() + opened_.capacity_bytes() +
               frontier_.bytes() + best_.bytes();
    }

  private:
    static constexpr uint32_t kNone = 0xFFFFFFFFu;
    static constexpr size_t kLeastMemory = 512 * 1024;
    // Times ef: nodes with the very vector that are followed to others. Beyond them one with the attributes too need not be met.
    static constexpr uint32_t kMostAlike = 4;
    struct Step {
        float key; // estimated with codes, else of the node itself
        uint32_t opened;
        Link link;
    };
    struct Nearest {
        bool operator()(const Step &a, const Step &b) const { return a.key < b.key; }
    };
    struct Worst {
        bool operator()(float a, float b) const { return a > b; }
    };
    struct Opened {
        uint32_t next, end; // in links_
    };

    Status visit(Link link, bool *found) {
        const Shape &shape = visitor.shape();
        limited = limited || 2 * bytes() > limit_; // an array may be about to double
        uint8_t *copy = pool.next();
        Visit visit;
        Near fresh{};
        bool same = false, is_entry = false, wanted = false, has_vector = false;
        VECX_TRY(visitor.visit(link, node_->query, &visit, neighbours_, [&](const NodeView &view, float key) {
            is_entry = view.is_entry();
            if (is_entry)
                entry_has_room = visit.count < view.head->places;
            // Norm and error too: then the bounds that scans compute from them hold for both, even if somebody went to the
            // length of finding two vectors of one hash.
            has_vector = !is_entry && view.head->hash == node_->head.hash && view.head->own_scale == node_->head.own_scale &&
                         view.head->norm == node_->head.norm && view.head->own_error == node_->head.own_error &&
                         memcmp(view.own, node_->own, shape.own_size()) == 0;
            if (visit.dead || link == ignore_)
                return;
            fresh.key = finite_key(key);
            same = has_vector &&
                   (shape.attributes == 0 || memcmp(view.attributes, node_->attributes, shape.attributes_size()) == 0);
            wanted = (best_.size() < ef_ || fresh.key < best_.top()) && (!has_vector || shape.attributes == 0);
            if (wanted) {
                memcpy(copy, view.own, shape.own_size());
                fresh.stored = Stored{copy, view.head->own_scale, view.head->norm, 0};
            }
        }));
        *found = visit.found;
        if (!visit.found || visit.dead) {
            bool inserted;
            *met.insert(link, kUseless, &inserted) = is_entry ? kSeen : kUseless;
        }
        if (!visit.found)
            return Status{};
        if (is_entry)
            entry = link;
        if (same)
            equal = link;
        if (has_vector && shape.attributes > 0) {
            ++alike_met_;
            if (!visit.dead && link != ignore_)
                alike.push_back(link);
            if (alike_met_ > kMostAlike * ef_)
                return Status{};
        }
        if (wanted) {
            fresh.link = link;
            fresh.stored.square = stored_dot(shape, fresh.stored, fresh.stored);
            pool.keep();
            near.push_back(fresh);
            best_.push(fresh.key);
            if (best_.size() > ef_)
                best_.pop();
        }
        if (shape.code_words > 0) {
            for (uint32_t i = 0; i < visit.count; ++i) {
                bool is_new;
                const float key = finite_key(neighbours_[i].key);
                if (best_.size() >= ef_ && key > best_.top())
                    continue;
                met.insert(neighbours_[i].link, kSeen, &is_new);
                if (is_new)
                    frontier_.push(Step{key, kNone, neighbours_[i].link});
            }
            return Status{};
        }
        const float key = visit.dead ? own_side(visit.key) : fresh.key;
        if (visit.count == 0 || (best_.size() >= ef_ && key > best_.top()))
            return Status{};
        const Opened opened{static_cast<uint32_t>(links_.size()), static_cast<uint32_t>(links_.size()) + visit.count};
        for (uint32_t i = 0; i < visit.count; ++i)
            links_.push_back(neighbours_[i].link);
        opened_.push_back(opened);
        frontier_.push(Step{key, static_cast<uint32_t>(opened_.size() - 1), link});
        return Status{};
    }

    // The entry node, whose key is infinite, leads on like the nearest.
    static float own_side(float key) { return key <= FLT_MAX ? finite_key(key) : -FLT_MAX; }

    const NewNode *node_ = nullptr;
    uint32_t ef_ = 0;
    size_t limit_ = 0;
    Link ignore_{};
    Array<Link> links_;
    Array<Opened> opened_;
    Heap<Step, Nearest> frontier_;
    Heap<float, Worst> best_;
    uint32_t alike_met_ = 0; // with the very vector, dead ones too
    Neighbour neighbours_[kMaxPlaces];
};

} // namespace vecx::hnsw::inlined
