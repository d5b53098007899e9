"""What ivf and ivfflat are held to: one row for each bar and set, with figure, ratio and whether it is met.

bars_ivf.py DIRECTORY   prints the table of DIRECTORY/results.jsonl (make bench-ivf)

As bars.py: each bar is a ratio in the same run, at equal recall where recall depends on a setting, and a figure that was
not measured is said to be so.
"""

import os
import sys

from bars import HEADER, at_least, at_most, built, fraction, missing, one, row, speed_row
from results import Results, number

SUBJECT, SAME, FLAT, NONE = "vecx-ivf", "vecx-ivf-same", "vecx-ivfflat", "vecx-none"
LEARNT = ("vecx-ivf-sq8", "sq8"), ("vecx-ivf-pq", "pq")
PEER, GRAPH = "pgvector-ivfflat", "pgvector"
QPS, QPS_GRAPH, QPS_HARD = 10, 2.5, 5  # the last: debian-768 at recall 0.99
BUILD, BUILD_GRAPH = 1 / 2, 1 / 15
SIZE_WIDE, SIZE_NARROW = 1 / 8, 1 / 4
INSERT, COPY, VACUUM, GROWTH = 0.8, 50000, 1 / 2, 2


def speed_rows(results, data_set):
    mine, same, flat = (results.curve(data_set, system, 1) for system in (SUBJECT, SAME, FLAT))
    peer, graph = (results.curve(data_set, system, 1) for system in (PEER, GRAPH))
    for target in (0.95, 0.99):
        yield speed_row(data_set, "QPS at recall %g, same lists as ivfflat" % target, same, peer, PEER, target, QPS)
        yield speed_row(data_set, "QPS at recall %g, automatic lists" % target, mine, peer, PEER, target, QPS)
        shown = speed_row(data_set, "QPS at recall %g of ivfflat itself" % target, flat, peer, PEER, target, 1)
        yield shown[:-2] + ["shown", ""]
        if data_set.startswith("sift"):
            continue
        bar = QPS_HARD if data_set.startswith("debian") and target == 0.99 else QPS_GRAPH
        yield speed_row(data_set, "QPS at recall %g, hnsw of pgvector" % target, mine, graph, GRAPH, target, bar)


def build_rows(results, data_set):
    megabytes = lambda value: number(value / 1e6) + " MB"
    narrow = data_set.startswith("sift")
    cells = (
        ("build time, s, same lists as ivfflat", SAME, PEER, "seconds", BUILD, number),
        ("build time, s, hnsw of pgvector", SUBJECT, GRAPH, "seconds", BUILD_GRAPH, number),
        ("index size, same lists as ivfflat", SAME, PEER, "index_bytes", SIZE_NARROW if narrow else SIZE_WIDE, megabytes),
        ("index size, automatic lists", SUBJECT, PEER, "index_bytes", SIZE_NARROW if narrow else SIZE_WIDE, megabytes),
        ("peak build memory", SUBJECT, PEER, "memory_bytes", 1, megabytes),
    )
    for what, system, peer, member, bar, show in cells:
        mine, other = built(results, data_set, system), built(results, data_set, peer)
        if mine and other:
            yield at_most(data_set, what, mine[member], other[member], bar, show)
        else:
            yield missing(data_set, what, "<= " + fraction(bar))


# The quantisers that are learnt have no bar: what a user may choose them by.
def learnt_rows(results, data_set):
    megabytes = lambda value: number(value / 1e6) + " MB"
    for system, quantizer in LEARNT:
        mine, index = results.curve(data_set, system, 1), built(results, data_set, system)
        if not mine or not index:
            continue
        for target in (0.95, 0.99):
            what = "QPS at recall %g, quantizer = %s" % (target, quantizer)
            yield speed_row(data_set, what, mine, results.curve(data_set, PEER, 1), PEER, target, 1)[:-2] + ["shown", ""]
        for what, member, show in (("build time, s", "seconds", number), ("index size", "index_bytes", megabytes)):
            peer = built(results, data_set, PEER)
            ratio = "%.3f" % (index[member] / peer[member]) if peer else "-"
            yield row(data_set, "%s, quantizer = %s" % (what, quantizer), show(index[member]), show(peer[member]) if peer else "-", ratio, "shown", "")


def write_rows(results, data_set):
    of = lambda system, way: one(results.of("insert", set=data_set, system=system, way=way))
    mine, table = of(SUBJECT, "single"), of(NONE, "single")
    what = "single-row inserts/s beside the table alone"
    if mine and table:
        ratios = [a / b for a, b in zip(mine["rows_per_second_rounds"], table["rows_per_second_rounds"])]
        yield at_least(data_set, what, ratios, INSERT, number(mine["rows_per_second"]), number(table["rows_per_second"]))
    else:
        yield missing(data_set, what, ">= %g" % INSERT)
    copied = one(results.of("copy", set=data_set, system=SUBJECT))
    if data_set.startswith("sift"):
        what, bar = "COPY of the set into the indexed table, rows/s", ">= %d" % COPY
        if copied:
            rate = copied["rows_per_second"]
            yield row(data_set, what, number(rate), "-", "-", bar, "met" if rate >= COPY else "MISSED")
        else:
            yield missing(data_set, what, bar)
    rounds = lambda system: {line["round"]: line for line in results.of("churn", set=data_set, system=system, stage="round")}
    mine, peer = rounds(SUBJECT), rounds(PEER)
    what = "VACUUM of 10 % deleted, s"
    if 1 in mine and 1 in peer:
        yield at_most(data_set, what, mine[1]["vacuum_seconds"], peer[1]["vacuum_seconds"], VACUUM, lambda v: "%.3g" % v)
        # What the same costs without the index, mostly the table's out-of-line values, is in both.
        if 1 in (bare := rounds(NONE)):
            a, b = (side[1]["vacuum_seconds"] - bare[1]["vacuum_seconds"] for side in (mine, peer))
            figures = ["%.3g" % max(a, 0), "%.3g" % max(b, 0), "%.3f" % (max(a, 0) / b) if b > 0 else "-"]
            yield [data_set, "the index's part of it, s", *figures, "shown", "the table alone: %.3g" % bare[1]["vacuum_seconds"]]
    else:
        yield missing(data_set, what, "<= " + fraction(VACUUM))


def growth_rows(results, data_set):
    lines = sorted(results.of("growth", set=data_set, system=SUBJECT), key=lambda line: line["rows"])
    if len(lines) < 2:
        return
    first, last = lines[0], lines[-1]
    ratio = last["p50_us"] / first["p50_us"]
    figures = "%s to %s us" % (number(first["p50_us"]), number(last["p50_us"]))
    what = "search, %s to %s rows, automatic" % (number(first["rows"]), number(last["rows"]))
    verdict = "met" if ratio <= GROWTH and min(first["recall"], last["recall"]) >= 0.95 else "MISSED"
    verdict += ": recall %.3f to %.3f" % (first["recall"], last["recall"])
    yield row(data_set, what, figures, "-", "%.2f" % ratio, "<= %gx" % GROWTH, verdict)


def main():
    results = Results(os.path.join(sys.argv[1], "results.jsonl"))
    rows = [HEADER]
    for data_set in results.sets:
        for section in (speed_rows, build_rows, learnt_rows, write_rows, growth_rows):
            rows += section(results, data_set)
    widths = [max(len(line[c]) for line in rows) for c in range(len(HEADER) - 1)]
    for line in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)) + "  " + line[-1])
    verdicts = [line[-1] for line in rows[1:]]
    met, missed = (sum(verdict.startswith(word) for verdict in verdicts) for word in ("met", "MISSED"))
    print("%d met, %d missed, %d not decided" % (met, missed, len(verdicts) - met - missed))


if __name__ == "__main__":
    main()
