// Writing the pages of a new index from a graph in memory: the nodes in the order that Graph::order_nodes chose, page by page
// full, then the lists of heap TIDs that their records have no room for, and the entry node on the metapage last. Where a
// record will be follows from its number, so pages can be made in any order, by several processes.
#pragma once

#include <cstring>

#include "base/crash.hpp"
#include "hnsw/inlined/graph.hpp"
#include "hnsw/meta.hpp"

namespace vecx::hnsw::inlined {

// Where those stored vectors of a build wait that memory had no room for: Spilled and the vector, RowCoder::stored_size()
// bytes each.
//   read(participant, number, out)   may fail or not return, as every access to files
template <class T>
concept VectorReader = requires(T &spill, uint8_t participant, uint32_t number, uint8_t *out) {
    { spill.read(participant, number, out) } -> std::same_as<Status>;
};

// A store that pages of a new index are written to, by several processes at the same time.
//   extend_run(most, end, first, count)   adds up to `most` zeroed pages behind the last one, none from block `end` on.
//       `count` 0: there are as many. Nobody else gets the same ones.
//   finish_run(first, count)   the pages are as they will stay: they may be logged
template <class S>
concept RunStore = NodeStore<S> && requires(S &s, uint32_t n, uint32_t *out) {
    { s.extend_run(n, n, out, out) } -> std::same_as<Status>;
    { s.finish_run(n, n) };
};

class PageMaker {
  public:
    // `order` as order_nodes left it, of all `nodes` nodes; in use until the last page is made. Pages of bodies of
    // `body_size` bytes, the first of them block `first_block`.
    PageMaker(Arena &arena, Graph &graph, const uint32_t *order, uint32_t nodes, uint32_t body_size, uint32_t first_block,
              const Poll &poll);

    uint32_t first_block() const { return first_block_; }
    uint32_t node_pages() const { return node_pages_; }
    // Nodes of page `page` (from 0): order[first .. first + count).
    void nodes_of(uint32_t page, uint32_t *first, uint32_t *count) const;
    uint32_t node_at(uint32_t position) const { return order_[position]; }
    // Bytes of the stored vectors of a page.
    size_t stored_room() const { return static_cast<size_t>(RowCoder::stored_size(shape_)) * per_page_; }

    // Makes the entry node on the metapage, which must not name any; `entries` as choose_entries left them. False and
    // `fault` as add_entry_node.
    bool fill_entry(MutablePage &page, const Array<uint32_t> &entries, const char **fault);
    // Fills an empty page, zeroed. `stored` has the stored vectors of its nodes, one behind the other.
    void fill_nodes(MutablePage &page, uint32_t number, const uint8_t *stored);
    // The next page of heap TIDs, with numbers from node_pages() on, while there are any left.
    bool more_tids() const { return tids_.at < longs_.size(); }
    void fill_tids(MutablePage &page);

  private:
    // A node with more TIDs than its record has room for.
    struct Long {
        uint32_t position;
        uint32_t item;  // the first TidItem that goes to chunks, + 1
        uint32_t count; // of these
        Link first;     // chunk
    };

    // How far the chunks have been laid out: one after the other over the pages behind the nodes.
    struct TidWalk {
        size_t at = 0;     // in longs_
        uint32_t done = 0; // of its TIDs
        uint32_t block = 0;
        uint32_t left = 0; // bytes of the page
        uint16_t slot = 0;
    };
    // One chunk. It ends its list or its page, so the next one of a list is slot 0 of the next page.
    struct TidPiece {
        Link link, next;
        uint32_t count;
    };

    Link place(uint32_t position) const {
        return Link{first_block_ + position / per_page_, static_cast<uint16_t>(position % per_page_), 1};
    }
    void plan_tids(const Poll &poll);
    TidPiece next_piece(TidWalk &walk) const;
    // `distances2` are those to the neighbours, null if they are not known.
    template <class Id>
    void set_neighbours(const NodeEdit &edit, const Placed &node, const float *distances2, uint32_t count, Id id_of);

    Graph *graph_;
    Shape shape_;
    const uint32_t *order_;
    uint32_t nodes_, body_size_, first_block_, per_page_, node_pages_;
    Array<Long> longs_;
    TidWalk tids_;
    uint32_t next_item_ = 0; // of the list that tids_ is at
    float *rotated_, *other_;
    uint64_t *code_;
};

constexpr uint32_t kRun = 16; // pages that are added to the index, made and logged together

// One participant's share of the pages of nodes: takes runs of pages at the end of the index and makes them, until there
// is no more to take. progress(pages just made, pages in all) after each run.
template <RunStore S, VectorReader Spill, class Progress>
Status write_nodes(PageMaker &pages, Graph &graph, S &store, Spill &spill, uint8_t *stored, Progress progress) {
    const uint32_t size = RowCoder::stored_size(graph.shape());
    const uint32_t end = pages.first_block() + pages.node_pages();
    for (;;) {
        uint32_t first = 0, count = 0;
        store.poll();
        VECX_TRY(store.extend_run(kRun, end, &first, &count));
        if (count == 0)
            return Status{};
        VECX_CRASH_POINT("inlined.build.run_added");
        if (first < pages.first_block())
            return Status::make(Code::internal, "hnsw build got block %u below block %u", first, pages.first_block());
        for (uint32_t block = first; block < first + count; ++block) {
            const uint32_t number = block - pages.first_block();
            uint32_t at = 0, nodes = 0;
            store.poll();
            pages.nodes_of(number, &at, &nodes);
            for (uint32_t i = 0; i < nodes; ++i) {
                const uint32_t id = pages.node_at(at + i);
                const Graph::Node *n = graph.node(id);
                uint8_t *out = stored + static_cast<size_t>(size) * i;
                VECX_TRY(spill.read(n->participant, n->spill, out));
            }
            VECX_CRASH_SITE("inlined.build.page");
            VECX_TRY(store.update(block, [&](MutablePage &page) {
                pages.fill_nodes(page, number, stored);
                return true;
            }));
        }
        store.finish_run(first, count);
        VECX_CRASH_POINT("inlined.build.run_made");
        progress(count, static_cast<uint64_t>(pages.node_pages()));
    }
}

// Pages of heap TIDs, which go behind those of nodes.
template <NodeStore S>
Status write_tids(PageMaker &pages, S &store) {
    for (uint32_t number = pages.node_pages(); pages.more_tids(); ++number) {
        uint32_t block;
        store.poll();
        VECX_CRASH_EXTEND("inlined.build.tid_page");
        VECX_TRY(store.extend([&](MutablePage &page) { pages.fill_tids(page); }, &block));
        if (block != pages.first_block() + number)
            return Status::make(Code::internal, "hnsw build got block %u for block %u", block, pages.first_block() + number);
    }
    return Status{};
}

// The last page of nodes and those of heap TIDs may have room for another node. Nobody else looks for it yet.
template <NodeStore S>
Status record_room(const PageMaker &pages, S &store, const Shape &shape) {
    for (uint32_t block = pages.first_block() + pages.node_pages() - 1, end = store.block_count(); block < end; ++block) {
        uint32_t left = 0;
        store.poll();
        VECX_TRY(store.read(block, [&](const PageView &page) { left = free_bytes(page); }));
        if (left >= shape.record_size(shape.places))
            store.record_space(block, left);
    }
    return Status{};
}

// Writes all pages behind the metapage of an otherwise empty index, and the entry node last; an empty graph gets none.
//   share(order, first block, make)   calls make() for this process's share of the pages of nodes. Other processes may
//       do the same meanwhile, with a PageMaker and a store of their own; when share() returns they have finished.
// The store must be no one else's until this returns.
template <RunStore S, VectorReader Spill, class Share, class Progress>
Status write_graph(Arena &arena, Graph &graph, S &store, Spill &spill, uint32_t body_size, const Poll &linking,
                   const Poll &ordering, Share share, Progress progress) {
    if (graph.nodes() == 0)
        return Status{};
    Array<uint32_t> entries(arena), order(arena);
    graph.choose_entries(entry_places(graph.shape(), body_size), &entries, linking);
    graph.link_rings(linking);
    graph.make_reachable(entries, linking);
    graph.order_nodes(entries, nodes_per_page(graph.shape(), body_size), &order, ordering);
    const uint32_t first_block = store.block_count();
    PageMaker pages(arena, graph, order.data(), static_cast<uint32_t>(order.size()), body_size, first_block, ordering);
    uint8_t *stored = arena.make_array<uint8_t>(pages.stored_room());
    VECX_TRY(share(order, first_block, [&] { return write_nodes(pages, graph, store, spill, stored, progress); }));
    VECX_TRY(write_tids(pages, store));
    VECX_TRY(record_room(pages, store, graph.shape()));
    VECX_CRASH_POINT("inlined.build.written");
    bool done = false;
    const char *fault = nullptr;
    VECX_CRASH_SITE("inlined.build.entry");
    VECX_TRY(store.update(kMetaBlock, [&](MutablePage &page) { return done = pages.fill_entry(page, entries, &fault); }));
    if (fault != nullptr)
        return fault_status(kMetaBlock, fault);
    if (!done)
        return Status::make(Code::internal, "hnsw build found an index that is not empty");
    return Status{};
}

} // namespace vecx::hnsw::inlined
