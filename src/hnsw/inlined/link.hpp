// Making links in the layouts `inline` and `compact`: choosing neighbours for a new node, and offering it to them. Lengths
// are those of the geometry (codec.hpp) under every metric, also under ip: greedy search for a largest inner product
// gets stuck at no node of a graph that is good for nearest neighbours.
#pragma once

#include <bit>
#include <cmath>

#include "base/crash.hpp"
#include "base/rng.hpp"
#include "hnsw/inlined/ring.hpp"
#include "hnsw/inlined/select.hpp"
#include "hnsw/place.hpp"
#include "kernels/convert.hpp"

namespace vecx::hnsw::inlined {

// A neighbour that the new node has chosen.
struct Chosen {
    Link link;
    float distance2;
    Placed placed; // empty in layout compact
};

// cos(pi t), t from 0 to 1, to 2e-4: the angles it is for are known to several degrees.
inline float cosine_of_pi(float t) {
    const float x = 3.14159265f * (0.5f - t), x2 = x * x;
    return x * (1 - x2 * (1.0f / 6 - x2 * (1.0f / 120 - x2 * (1.0f / 5040))));
}

template <NodeStore S>
class Linker {
  public:
    Linker(S &store, Arena &arena, const Shape &shape)
        : explorer(store, arena, shape), chosen(arena), shape_(shape), store_(&store), arena_(&arena), order_(arena),
          picks_(arena), forgotten_(arena), floats_(arena), codes_(arena) {}

    Explorer<S> explorer;
    Array<Chosen> chosen; // in the order of select_diverse: the diverse ones first

    const Shape &shape() const { return shape_; }

    // Everything about a vector that is needed before the search.
    void make(Payload payload, NewNode *node, const uint64_t *attributes = nullptr) {
        const size_t n = static_cast<size_t>(shape_.dim);
        node->payload = payload;
        node->attributes = attributes;
        node->head = Head{};
        node->own = arena_->template make_array<uint8_t>(shape_.own_size());
        float *x = arena_->template make_array<float>(n);
        widen(shape_, payload, x);
        encode_own(shape_, x, node->own, &node->head);
        node->head.hash = payload_hash(payload);
        node->stored = stored_of(shape_, node->head, node->own);
        node->query = prepare_query(shape_, payload, *arena_);
        place(node->stored, &node->placed);
    }

    // Chooses up to `most` of explorer.near, which must be finished.
    void choose(const NewNode &node, uint32_t most) {
        Array<Near> &near = explorer.near;
        const uint32_t n = static_cast<uint32_t>(near.size());
        order_.resize_uninitialized(n);
        for (uint32_t i = 0; i < n; ++i)
            order_[i] = Ranked{stored_distance2(shape_, node.stored, near[i].stored), i};
        sort_ranked();
        picks_.resize_uninitialized(most);
        const uint32_t count = select_diverse(
            Metric::l2, n, most, [&](uint32_t i) { return order_[i].distance2; },
            [&](uint32_t i, uint32_t j) { return stored_distance2(shape_, near[order_[i].at].stored, near[order_[j].at].stored); },
            picks_.data());
        chosen.clear();
        for (uint32_t i = 0; i < count; ++i) {
            const Ranked &r = order_[picks_[i]];
            Chosen c{near[r.at].link, r.distance2, {}};
            place(near[r.at].stored, &c.placed);
            chosen.push_back(c);
        }
    }

    // The code by which nodes with the vector of the new one name each other.
    void make_ring_code(const NewNode &node, RingCode *code) {
        if (shape_.code_words > 0)
            encode_neighbour(shape_, node.placed, node.placed, 0, &code->add, &code->mul, code->words);
    }

    // Writes the record of the node, with the chosen neighbours, and the next of its ring if there is one. One page write,
    // two when the index grows.
    Status write_node(const NewNode &node, HeapTid tid, Link next, const RingCode &ring, Link *out) {
        const uint32_t words = shape_.code_words, count = static_cast<uint32_t>(chosen.size());
        floats_.resize_uninitialized(2 * count);
        codes_.resize_uninitialized(static_cast<size_t>(count) * words);
        if (words > 0)
            for (uint32_t i = 0; i < count; ++i)
                encode_neighbour(shape_, node.placed, chosen[i].placed, chosen[i].distance2, &floats_[2 * i],
                                 &floats_[2 * i + 1], codes_.data() + static_cast<size_t>(i) * words);
        return place_record(
            *store_, shape_.record_size(shape_.places), RecordKind::inlined_node,
            [&](uint8_t *record, uint16_t generation) {
                NodeEdit edit = edit_record(record, shape_, shape_.places);
                const uint8_t kind = edit.head->kind;
                *edit.head = node.head;
                edit.head->kind = kind;
                edit.head->generation = generation;
                edit.head->tid_count = 1;
                edit.head->places = static_cast<uint8_t>(shape_.places);
                edit.head->links_version = 1;
                edit.tids[0] = tid;
                if (shape_.attributes > 0) {
                    edit.head->flags |= kNodeUnlisted;
                    memcpy(edit.attributes, node.attributes, shape_.attributes_size());
                }
                memcpy(edit.own, node.own, shape_.own_size());
                if (!next.none())
                    set_ring_link(edit, shape_, next, ring.add, ring.mul, ring.words);
                put_neighbours(edit, next, count);
            },
            out);
    }

    // What was chosen turned out to be gone: write_links may write over it.
    void forget_chosen() {
        for (const Chosen &c : chosen)
            forgotten_.push_back(c.link);
    }

    // Puts the chosen neighbours into the record of a node, into free places and over forgotten ones.
    Status write_links(const NewNode &node, Link self) {
        const uint32_t words = shape_.code_words, count = static_cast<uint32_t>(chosen.size());
        floats_.resize_uninitialized(2 * count);
        codes_.resize_uninitialized(static_cast<size_t>(count) * words);
        if (words > 0)
            for (uint32_t i = 0; i < count; ++i)
                encode_neighbour(shape_, node.placed, chosen[i].placed, chosen[i].distance2, &floats_[2 * i],
                                 &floats_[2 * i + 1], codes_.data() + static_cast<size_t>(i) * words);
        const char *fault = nullptr;
        VECX_CRASH_SITE("inlined.link.own_links");
        VECX_TRY(store_->update(self.block, [&](MutablePage &page) {
            NodeView view;
            fault = node_fault(view_of(page), shape_, self.slot, &view);
            if (fault != nullptr || view.head == nullptr || view.head->generation != self.generation)
                return false;
            NodeEdit edit = edit_node(page, shape_, view);
            // Places that others have filled meanwhile stay theirs, and none is to be there twice.
            const Link *end = view.links + view.head->places;
            uint32_t next = 0, put = 0;
            auto skip_known = [&] {
                while (next < count && std::find(view.links, end, chosen[next].link) != end)
                    ++next;
            };
            skip_known();
            for (uint32_t i = view.in_ring() ? 1 : 0; i < view.head->places && next < count; ++i)
                if (view.links[i].none() || std::find(forgotten_.begin(), forgotten_.end(), view.links[i]) != forgotten_.end()) {
                    set_neighbour(edit, shape_, i, chosen[next].link, floats_[2 * next], floats_[2 * next + 1],
                                  codes_.data() + static_cast<size_t>(next) * words);
                    ++next;
                    ++put;
                    skip_known();
                }
            if (put == 0)
                return false;
            ++edit.head->links_version;
            return true;
        }));
        return fault == nullptr ? Status{} : fault_status(self.block, fault);
    }

    enum class Offer : uint8_t {
        choose, // the target takes the node when its selection would
        force,  // it takes it in any case
        chance, // it takes it in any case, over a neighbour of chance: for the entry node
    };

    // Offers `self` to a target: a free place, or one whose link is known to lead to nothing, or the one that the
    // selection among the target's neighbours and `self` leaves out. With codes the target's page alone decides: the
    // share of differing bits of two codes is the angle between two neighbours, seen from the target (Charikar, STOC 2002).
    // Decided from a copy; `links_version` tells under the exclusive lock whether the choice still holds.
    Status offer(const Chosen &target, const NewNode &node, Link self, Offer how, Rng &rng, bool *taken) {
        *taken = false;
        const uint32_t words = shape_.code_words;
        float add = 0, mul = 0;
        uint64_t code[kMaxDenseDim / 64];
        if (words > 0)
            encode_neighbour(shape_, target.placed, node.placed, target.distance2, &add, &mul, code);
        for (int attempt = 0; attempt < kMaxRetries; ++attempt) {
            store_->poll();
            bool found, fits = false, known = false;
            uint32_t places = 0, version = 0, place = kNoPlace;
            first_ = 0;
            codes_.reserve(kMaxCodeWordsOfNode);
            VECX_TRY(explorer.visitor.look(target.link, &found, [&](const NodeView &view) {
                fits = view.is_entry() || !view.dead();
                places = view.head->places;
                version = view.head->links_version;
                first_ = view.in_ring() ? 1 : 0;
                for (uint32_t i = 0; i < places; ++i) {
                    links_[i] = view.links[i];
                    known |= links_[i] == self;
                    if (place == kNoPlace && i >= first_ && (links_[i].none() || links_[i].slot >= kMaxSlots))
                        place = i;
                }
                if (place != kNoPlace || words == 0)
                    return;
                for (uint32_t i = 0; i < places; ++i) {
                    distances_[i] = neighbour_distance(shape_, f16_to_float(view.mul[i]) * view.head->mul_scale);
                    for (uint32_t w = 0; w < words; ++w)
                        codes_.data()[i * words + w] = view.codes[code_index(i, w, words)];
                }
            }));
            *taken = found && fits && known;
            if (!found || !fits || known)
                return Status{};
            for (uint32_t i = first_; i < places && place == kNoPlace; ++i)
                if (explorer.useless(links_[i]))
                    place = i;
            if (place == kNoPlace) {
                if (how == Offer::chance)
                    place = static_cast<uint32_t>(rng.below(places));
                else if (words > 0)
                    place = place_by_codes(places, target.distance2, code, how == Offer::force);
                else
                    VECX_TRY(place_by_vectors(target, node, places, how == Offer::force, &place));
            }
            if (place == kNoPlace)
                return Status{};
            bool done = true;
            const char *fault = nullptr;
            VECX_CRASH_SITE("inlined.link.back_link");
            VECX_TRY(store_->update(target.link.block, [&](MutablePage &page) {
                NodeView view;
                fault = node_fault(view_of(page), shape_, target.link.slot, &view);
                if (fault != nullptr || view.head == nullptr || view.head->generation != target.link.generation ||
                    (view.dead() && !view.is_entry()))
                    return false;
                if (view.head->links_version != version || place >= view.head->places) {
                    done = false;
                    return false;
                }
                NodeEdit edit = edit_node(page, shape_, view);
                set_neighbour(edit, shape_, place, self, add, mul, code);
                ++edit.head->links_version;
                *taken = true;
                return true;
            }));
            if (fault != nullptr)
                return fault_status(target.link.block, fault);
            if (done)
                return Status{};
        }
        return Status{};
    }

    // R g(x) of a stored vector. Nothing in layout compact.
    void place(const Stored &stored, Placed *out) {
        *out = Placed{};
        if (shape_.code_words == 0)
            return;
        const size_t n = static_cast<size_t>(shape_.dim);
        if (plain_ == nullptr)
            plain_ = arena_->template make_array<float>(n);
        float *rotated = arena_->template make_array<float>(shape_.rotated_dim());
        Head head{};
        head.own_scale = stored.scale;
        decode_own(shape_, head, stored.own, plain_);
        to_geometry(shape_, plain_, stored.norm, plain_);
        rotate(shape_, plain_, rotated);
        out->rotated = rotated;
        out->norm2 = shape_.metric == Metric::cosine ? 1.0f : stored.square;
    }

  private:
    static constexpr uint32_t kNoPlace = 0xFFFFFFFFu;
    static constexpr size_t kMaxCodeWordsOfNode = 32768 / 8; // no page is larger

    struct Ranked {
        float distance2;
        uint32_t at;
    };

    void sort_ranked() {
        std::sort(order_.begin(), order_.end(), [](const Ranked &a, const Ranked &b) {
            return a.distance2 != b.distance2 ? a.distance2 < b.distance2 : a.at < b.at;
        });
    }

    // The chosen ones, behind the next of its ring, which may be one of them.
    void put_neighbours(const NodeEdit &edit, Link next, uint32_t count) {
        uint32_t place = next.none() ? 0 : 1;
        for (uint32_t i = 0; i < count; ++i)
            if (next.none() || chosen[i].link != next)
                set_neighbour(edit, shape_, place++, chosen[i].link, floats_[2 * i], floats_[2 * i + 1],
                          codes_.data() + static_cast<size_t>(i) * shape_.code_words);
    }

    // The place, from first_ on, that selection leaves out of `places` neighbours and the new node, which is candidate number
    // `places`; kNoPlace when that is the new node itself. order_ is filled, `between` takes candidates' numbers.
    template <class Between>
    uint32_t left_out(uint32_t places, bool force, Between between) {
        sort_ranked();
        picks_.resize_uninitialized(places);
        const uint32_t count = select_diverse(
            Metric::l2, places + 1, places, [&](uint32_t i) { return order_[i].distance2; },
            [&](uint32_t i, uint32_t j) { return between(order_[i].at, order_[j].at); }, picks_.data());
        uint64_t picked[(kMaxPlaces + 64) / 64] = {};
        for (uint32_t i = 0; i < count; ++i)
            picked[picks_[i] / 64] |= 1ull << (picks_[i] % 64);
        uint32_t victim = kNoPlace;
        bool wanted = force;
        for (uint32_t i = 0; i <= places; ++i) {
            const bool in = (picked[i / 64] >> (i % 64)) & 1;
            if (order_[i].at == places)
                wanted |= in;
            else if (!in && order_[i].at >= first_)
                victim = order_[i].at; // the farthest of them
        }
        if (!wanted)
            return kNoPlace;
        for (uint32_t i = places + 1; victim == kNoPlace && i-- > 0;) // forced, and all others were picked
            if (order_[i].at != places && order_[i].at >= first_)
                victim = order_[i].at;
        return victim;
    }

    uint32_t place_by_codes(uint32_t places, float distance2, const uint64_t *code, bool force) {
        const uint32_t words = shape_.code_words;
        memcpy(codes_.data() + places * words, code, words * sizeof(uint64_t));
        distances_[places] = std::sqrt(distance2);
        order_.resize_uninitialized(places + 1);
        for (uint32_t i = 0; i <= places; ++i) {
            distances_[i] = finite_key(distances_[i]);
            order_[i] = Ranked{finite_key(distances_[i] * distances_[i]), i};
        }
        return left_out(places, force, [&](uint32_t a, uint32_t b) {
            const uint64_t differing = kernels::active->hamming(reinterpret_cast<const uint8_t *>(codes_.data() + a * words),
                                                                reinterpret_cast<const uint8_t *>(codes_.data() + b * words), words * 8);
            const float share = static_cast<float>(differing) / static_cast<float>(shape_.code_bits());
            const float x = distances_[a], y = distances_[b];
            const float d = finite_key(x * x + y * y - 2 * x * y * cosine_of_pi(share));
            return d > 0 ? d : 0;
        });
    }

    Status place_by_vectors(const Chosen &target, const NewNode &node, uint32_t places, bool force, uint32_t *place) {
        uint32_t base;
        bool useless;
        VECX_TRY(fetch(target.link, &base, &useless));
        if (useless)
            return Status{};
        uint32_t at[kMaxPlaces];
        order_.resize_uninitialized(places + 1);
        for (uint32_t i = 0; i < places; ++i) {
            VECX_TRY(fetch(links_[i], &at[i], &useless));
            if (useless && i < first_) {
                at[i] = base; // as the next of its ring has, dead or not
            } else if (useless) {
                *place = i;
                return Status{};
            }
            order_[i] = Ranked{stored_distance2(shape_, explorer.near[base].stored, explorer.near[at[i]].stored), i};
        }
        order_[places] = Ranked{target.distance2, places};
        *place = left_out(places, force, [&](uint32_t a, uint32_t b) {
            const Stored &x = a == places ? node.stored : explorer.near[at[a]].stored;
            const Stored &y = b == places ? node.stored : explorer.near[at[b]].stored;
            return stored_distance2(shape_, x, y);
        });
        return Status{};
    }

    // The number in explorer.near of a copy of a node's vector: from the search, or read now.
    Status fetch(Link link, uint32_t *at, bool *useless) {
        bool fresh;
        uint32_t *value = explorer.met.insert(link, Explorer<S>::kSeen, &fresh);
        *useless = *value == Explorer<S>::kUseless;
        if (*value >= Explorer<S>::kFirstNear) {
            *at = *value - Explorer<S>::kFirstNear;
            return Status{};
        }
        if (*useless)
            return Status{};
        uint8_t *copy = explorer.pool.next();
        Near read{};
        bool found;
        *useless = true;
        store_->poll();
        VECX_TRY(explorer.visitor.look(link, &found, [&](const NodeView &view) {
            if (view.dead())
                return;
            *useless = false;
            memcpy(copy, view.own, shape_.own_size());
            read.stored = Stored{copy, view.head->own_scale, view.head->norm, 0};
        }));
        if (*useless) {
            *value = Explorer<S>::kUseless;
            return Status{};
        }
        read.link = link;
        read.stored.square = stored_dot(shape_, read.stored, read.stored);
        explorer.pool.keep();
        *at = static_cast<uint32_t>(explorer.near.size());
        *value = Explorer<S>::kFirstNear + *at;
        explorer.near.push_back(read);
        return Status{};
    }

    Shape shape_;
    S *store_;
    Arena *arena_;
    float *plain_ = nullptr;
    uint32_t first_ = 0; // place of the target in hand that may be given to another; before it is the next of its ring
    Array<Ranked> order_;
    Array<uint32_t> picks_;
    Array<Link> forgotten_;
    Array<float> floats_;
    Array<uint64_t> codes_;
    Link links_[kMaxPlaces];
    float distances_[kMaxPlaces + 1];
};

} // namespace vecx::hnsw::inlined
