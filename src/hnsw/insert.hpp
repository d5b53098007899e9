// Insertion, Algorithm 1 of the paper, on the page store. README.md has the order of the page writes and why
// each prefix of them is a legal index.
#pragma once

#include <cmath>

#include "base/crash.hpp"
#include "hnsw/link.hpp"
#include "hnsw/place.hpp"

namespace vecx::hnsw {

// The level of a new node: floor(-ln(u) / ln(m)), at most `cap`.
inline int draw_level(Rng &rng, int m, int cap) {
    double level = -std::log(rng.uniform()) / std::log(static_cast<double>(m));
    return level >= cap ? cap : static_cast<int>(level);
}

// Adds `tid` to `node` if its payload equals `payload` and it has a free place. Decided from a copy, verified
// under the exclusive lock: a payload never changes during a generation.
template <NodeStore S>
Status attach_tid(NodeReader<S> &reader, Link node, Payload payload, HeapTid tid, bool *attached) {
    *attached = false;
    bool equal = false;
    Visit visit;
    VECX_TRY(reader.with_payload(node, &visit, [&](Payload other) {
        equal = other.size == payload.size && memcmp(other.bytes, payload.bytes, payload.size) == 0;
    }));
    if (!visit.found || visit.dead || !equal || visit.tid_count >= kTidsPerNode)
        return Status{};
    const char *fault = nullptr;
    VECX_CRASH_SITE("plain.insert.equal_node");
    VECX_TRY(reader.store().update(node.block, [&](MutablePage &page) {
        NodeView view;
        fault = node_fault(view_of(page), node.slot, &view);
        if (fault != nullptr || view.head == nullptr || view.head->generation != node.generation || view.dead() ||
            view.head->tid_count >= kTidsPerNode)
            return false;
        NodeEdit out = edit(page, view);
        out.tids[out.head->tid_count++] = tid;
        *attached = true;
        return true;
    }));
    return fault == nullptr ? Status{} : fault_status(node.block, fault);
}

// Writes the record of a new node with the neighbours that `linker` has chosen; its chunks first.
template <NodeStore S>
Status write_node(S &store, const Linker<S> &linker, Payload payload, HeapTid tid, int level, uint32_t body_size,
                  Link *out) {
    const int m = linker.meta().m;
    const uint32_t fixed = node_fixed_size(m, level);
    const uint32_t here = inline_part(m, level, payload.size, body_size);
    const bool spans = here < payload.size;
    Link first_chunk{};
    if (spans)
        store.lock_chunk_writers(false);
    Status status;
    if (spans) {
        status = write_chunks(store, payload, here, body_size, &first_chunk);
        VECX_CRASH_POINT("plain.insert.chunks_written");
    }
    if (status.ok())
        status = place_record(
            store, align8(fixed + here), RecordKind::node,
            [&](uint8_t *record, uint16_t) {
                NodeHead *head = reinterpret_cast<NodeHead *>(record);
                head->level = static_cast<uint8_t>(level);
                head->tid_count = 1;
                head->m = static_cast<uint8_t>(m);
                head->links_version = 1;
                head->payload_size = payload.size;
                head->inline_size = here;
                head->first_chunk = first_chunk;
                memcpy(record + sizeof(NodeHead), &tid, sizeof tid);
                Link *links = reinterpret_cast<Link *>(record + sizeof(NodeHead) + kTidBytes);
                for (int at = 0; at <= level; ++at)
                    for (uint32_t i = 0; i < linker.chosen_count[at]; ++i)
                        links[link_start(m, at) + i] = linker.chosen_begin(at)[i].link;
                memcpy(record + fixed, payload.bytes, here);
            },
            out);
    if (spans)
        store.unlock_chunk_writers(false);
    return status;
}

// Inserts one row. `scratch` may be released when it returns. Takes one page lock at a time, and shared, the
// chunk writers' lock when the payload does not fit a page. Errors: a payload that does not fit the index
// (Code::data_exception), a damaged page (Code::corrupted).
template <NodeStore S>
Status insert(S &store, Arena &scratch, const Measure &measure, Payload payload, HeapTid tid, Rng &rng) {
    MetaRecord meta;
    uint32_t body_size;
    VECX_TRY(read_meta(store, &meta, &body_size));
    if (!payload_is_sound(measure.type, measure.dim, payload))
        return Status::make(Code::data_exception, "value does not have the shape of the index (%d dimensions)", measure.dim);
    const int level = draw_level(rng, meta.m, level_cap(meta.m, body_size));

    Linker<S> linker(store, scratch, measure, meta);
    linker.search.self_key = order_key(measure.distance(measure, payload, payload));
    VECX_TRY(linker.find(payload, level, Link{}));
    for (uint32_t i = 0; i < linker.search.open_count; ++i) {
        bool attached;
        VECX_TRY(attach_tid(linker.search.reader, linker.search.open[i], payload, tid, &attached));
        if (attached)
            return Status{};
    }
    VECX_TRY(linker.choose_ground());
    Link node{};
    VECX_TRY(write_node(store, linker, payload, tid, level, body_size, &node));
    VECX_CRASH_POINT("plain.insert.node_written");

    bool alone = linker.chosen_count[0] == 0, done;
    Link entry = linker.meta().entry;
    if (alone) {
        VECX_TRY(set_entry(store, entry, node, level, &done, false));
        if (done)
            return Status{};
        // Another was first: be linked like everybody else.
        VECX_TRY(linker.link_node(node, payload, level));
    } else {
        VECX_TRY(linker.link_back(node, level));
    }
    VECX_CRASH_POINT("plain.insert.linked");
    const bool linked = linker.chosen_count[0] > 0; // else those that were first are dead again, or gone
    if (!linked || (level > linker.meta().entry_level && !linker.meta().entry.none()))
        VECX_TRY(set_entry(store, linker.meta().entry, node, level, &done, linked));
    return Status{};
}

} // namespace vecx::hnsw
