// What EXPLAIN (ANALYZE) shows of the extension's index scans, where PostgreSQL lets an extension add to it (18 and newer).
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "access/relscan.h"
}

namespace vecx::pg {

// A few named values, in the order in which they are shown. Names are constants in lower case.
struct ScanReport {
    struct Item {
        const char *name;
        const char *text; // null: `number` is the value
        int64 number;
    };
    static constexpr int kMost = 12;

    Item items[kMost];
    int count = 0;

    void add(const char *name, int64 number) { put({name, nullptr, number}); }
    void add(const char *name, const char *text) { put({name, text, 0}); }

  private:
    void put(Item item) {
        if (count < kMost)
            items[count++] = item;
    }
};

// Adds to EXPLAIN (ANALYZE) of index scans; called once, at load.
void install_explain();

} // namespace vecx::pg
