// Writing the pages of a new index from a graph in memory: the nodes in the order that Graph::order_nodes chose, page by page
// full, then the lists of heap TIDs that their records have no room for, and the entry node on the metapage last. Where a
// record will be follows from its number, so pages can be made in any order, by several processes.
#pragma once

#include "base/crash.hpp"
#include "hnsw/inlined/graph.hpp"
#include "hnsw/meta.hpp"

namespace vecx::hnsw::inlined {

// Where the stored vectors of a build wait: Spilled and the vector, RowCoder::stored_size() bytes each.
//   read(participant, number, out)   may fail or not return, as every access to files
template <class T>
concept SpillReader = requires(T &spill, uint8_t participant, uint32_t number, uint8_t *out) {
    { spill.read(participant, number, out) } -> std::same_as<Status>;
};

class PageMaker {
  public:
    // `order` as order_nodes left it, `entries` as choose_entries; all in use until the last page is made. Pages
    // of bodies of `body_size` bytes, the first of them block `first_block`.
    PageMaker(Arena &arena, Graph &graph, const Array<uint32_t> &order, const Array<uint32_t> &entries,
              uint32_t body_size, uint32_t first_block, const Poll &poll);

    uint32_t node_pages() const { return node_pages_; }
    // Nodes of page `page` (from 0): order[first .. first + count).
    void nodes_of(uint32_t page, uint32_t *first, uint32_t *count) const;
    uint32_t nodes_per_page() const { return per_page_; }

    // Makes the entry node on the metapage, which must not name any. False and `fault` as add_entry_node.
    bool fill_entry(MutablePage &page, const char **fault);
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
    const Array<uint32_t> *order_, *entries_;
    uint32_t body_size_, first_block_, per_page_, node_pages_;
    Array<Long> longs_;
    TidWalk tids_;
    uint32_t next_item_ = 0; // of the list that tids_ is at
    float *rotated_, *other_;
    uint64_t *code_;
};

// Writes all pages behind the metapage of an otherwise empty index, and the entry node last; an empty graph gets none.
// progress(pages done, pages in all) after each. The store must be no one else's until it returns.
template <NodeStore S, SpillReader Spill, class Progress>
Status write_graph(Arena &arena, Graph &graph, S &store, Spill &spill, uint32_t body_size, const Poll &linking,
                   const Poll &ordering, Progress progress) {
    if (graph.nodes() == 0)
        return Status{};
    Array<uint32_t> entries(arena), order(arena);
    graph.choose_entries(entry_places(graph.shape(), body_size), &entries, linking);
    graph.make_reachable(entries, linking);
    graph.order_nodes(entries, nodes_per_page(graph.shape(), body_size), &order, ordering);
    const uint32_t first_block = store.block_count();
    PageMaker pages(arena, graph, order, entries, body_size, first_block, ordering);
    const uint32_t size = RowCoder::stored_size(graph.shape());
    uint8_t *stored = arena.make_array<uint8_t>(static_cast<size_t>(size) * pages.nodes_per_page());
    uint32_t number = 0;
    for (bool more = true; more; ++number) {
        uint32_t first = 0, count = 0, block, left = 0;
        store.poll();
        if (number < pages.node_pages()) {
            pages.nodes_of(number, &first, &count);
            for (uint32_t i = 0; i < count; ++i) {
                const Graph::Node *n = graph.node(order[first + i]);
                VECX_TRY(spill.read(n->participant, n->spill, stored + static_cast<size_t>(size) * i));
            }
        }
        if (number >= pages.node_pages() && !pages.more_tids())
            break;
        VECX_CRASH_EXTEND("inlined.build.page");
        VECX_TRY(store.extend(
            [&](MutablePage &page) {
                if (number < pages.node_pages())
                    pages.fill_nodes(page, number, stored);
                else
                    pages.fill_tids(page);
                left = free_bytes(view_of(page));
            },
            &block));
        if (block != first_block + number)
            return Status::make(Code::internal, "hnsw build got block %u for block %u", block, first_block + number);
        if (left >= graph.shape().record_size(graph.shape().places))
            store.record_space(block, left);
        progress(static_cast<uint64_t>(number + 1), static_cast<uint64_t>(pages.node_pages()));
    }
    VECX_CRASH_POINT("inlined.build.written");
    bool done = false;
    const char *fault = nullptr;
    VECX_CRASH_SITE("inlined.build.entry");
    VECX_TRY(store.update(kMetaBlock, [&](MutablePage &page) { return done = pages.fill_entry(page, &fault); }));
    if (fault != nullptr)
        return fault_status(kMetaBlock, fault);
    if (!done)
        return Status::make(Code::internal, "hnsw build found an index that is not empty");
    return Status{};
}

} // namespace vecx::hnsw::inlined
