// The part of a build of the layouts inline and compact that several processes may do at the same time: rows of the
// table into the graph. What they share is here; how they come to share it is build_parallel.cpp's business.
#pragma once

#include <atomic>

#include "hnsw/inlined/graph.hpp"
#include "pg/hnsw/attributes.hpp"
#include "pg/hnsw/hnsw.hpp"
#include "pg/hnsw/spill.hpp"
#include "pg/memory.hpp"

namespace vecx::pg {

constexpr int kMaxParticipants = 255; // Graph::Node::participant

// What all participants must agree on. Plain bytes.
struct BuildPlan {
    IndexFacts facts;
    hnsw::inlined::GraphOptions options;
    float bound2;         // of the Frame
    uint64_t secret[2];   // of the Frame
    size_t shared_size;   // Graph::shared_size
    size_t slab_memory;   // bytes that slabs may take
    double expected_rows;
};

// Counted by all participants.
struct BuildCounters {
    std::atomic<uint64_t> seen;  // rows of the table
    std::atomic<uint32_t> told;  // that memory is full
    std::atomic<uint32_t> no_shared_memory; // there is less than maintenance_work_mem allows
    std::atomic<uint64_t> rows;  // indexed, or waiting to be
    std::atomic<uint64_t> pages; // of nodes, made
};

// What one participant leaves behind for the leader.
struct LoadResult {
    double heap_tuples;
    uint32_t vectors;      // in its file
    uint32_t waiting;      // in its other file
    bool broken_hot_chain;
};

class Loader {
  public:
    // `files` is null if there is one participant only. `shared` as for Graph.
    Loader(Relation index, const BuildPlan &plan, const hnsw::inlined::Frame &frame, void *shared,
           hnsw::inlined::Slabs slabs, BuildCounters *counters, FileSet *files, int participant);

    // Reads the table, or this participant's part of it through `scan`, which it ends.
    LoadResult run(Relation heap, IndexInfo *info, TableScanDescData *scan);

    hnsw::inlined::Graph &graph() { return graph_; }
    // Rows for which there was no memory wait in files: heap TID, padded to 8, attributes, and payload.
    static uint32_t waiting_size(const IndexFacts &facts);

    // When all have loaded: their files, to be read from here.
    void open_files(const LoadResult *results, int participants);
    Status read(uint8_t participant, uint32_t number, uint8_t *out) { return vectors_of_[participant].read(number, out); }
    // Pages of nodes that all participants have made.
    uint64_t pages_made() const { return counters_->pages.load(std::memory_order_relaxed); }
    void report_pages(uint32_t made, uint64_t total);
    SpillFile &waiting_of(int participant) { return waiting_of_[participant]; }
    void close_files();
    // In a worker that reads none: its files are the leader's now.
    void leave_files() {
        vectors_.close();
        waiting_.close();
    }

  private:
    static void add_tuple(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *opaque);
    void add(ItemPointer tid, Payload payload, const uint64_t *attributes);

    Relation index_;
    AttributeColumns columns_;
    BuildPlan plan_;
    MemoryContext tuple_context_; // reset after each tuple
    Arena arena_;
    hnsw::inlined::RowCoder coder_;
    hnsw::inlined::Graph graph_;
    BuildCounters *counters_;
    FileSet *files_;
    int participant_;
    SpillFile vectors_, waiting_;
    SpillFile *vectors_of_ = nullptr, *waiting_of_ = nullptr;
    int participants_ = 0;
};

} // namespace vecx::pg
