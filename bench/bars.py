"""What the fast layouts are held to: one row for each bar and set, with figure, ratio and whether it is met.

bars.py DIRECTORY   prints the table of DIRECTORY/results.jsonl (make bench-bars; the report has it too)

Each bar is a ratio to pgvector's hnsw (or hnswlib) in the same run, at equal recall where recall depends on a
setting. A figure that was not measured is said to be so; nothing is met by silence.
"""

import math
import os
import sys

from results import REFERENCE, Results, at_recall, median, number, qps_at, qps_rounds_at

SUBJECT = "vecx"
# Bars for sets of wide vectors, and for those of 128 dimensions.
WIDE, NARROW = 0, 1
QPS, QPS_LIBRARY, P99, BUILD, MEMORY = (10, 8), (1.2, 1.0), (1 / 8, 1 / 6), (1 / 5, 1 / 4), (1 / 2, 1 / 2)
SIZE, SIZE_COMPACT, INSERT, VACUUM = (1.0, 1.6), (1 / 4, 1 / 2), (5, 5), (1 / 20, 1 / 20)
COLD, WAL, WAL_COMPACT = (1 / 3, 1 / 3), (1.5, 1.5), (1.0, 1.0)
VACUUM_LOSS, CHURN_LOSS, CONNECTIONS = 0.003, 0.01, 1.8
CHURN_ROUNDS = 5
VERY_WIDE_RECALL, VERY_WIDE_QPS = 0.99, 2000  # cohere-4096, which pgvector cannot index

HEADER = ["set", "what", "vecx", "peer", "ratio", "bar", ""]
NOT_MEASURED = "not measured"


def row(data_set, what, value, peer, ratio, bar, verdict):
    return [data_set, what, value, peer, ratio, bar, verdict]


def judged(good):
    return "met" if good else "MISSED"


def fraction(bar):
    return "%gx" % bar if bar > 0.5 else "1/%g" % round(1 / bar)


def at_least(data_set, what, ratios, bar, value, peer):
    spread = " (%.2f-%.2f)" % (min(ratios), max(ratios)) if len(ratios) > 1 else ""
    middle = median(ratios)
    return row(data_set, what, value, peer, "%.2f%s" % (middle, spread), ">= " + fraction(bar), judged(middle >= bar))


def at_most(data_set, what, value, peer, bar, show):
    ratio = value / peer
    return row(data_set, what, show(value), show(peer), "%.3f" % ratio, "<= " + fraction(bar), judged(ratio <= bar))


def one(lines):
    return lines[-1] if lines else None


def built(results, data_set, system):
    return one([line for line in results.of("build", set=data_set, system=system) if "failure" not in line])


def failure(results, data_set, system):
    line = one([line for line in results.of("build", set=data_set, system=system) if "failure" in line])
    return line and line["failure"].split("\n")[0]


def missing(data_set, what, bar, why=NOT_MEASURED):
    return row(data_set, what, "-", "-", "-", bar, why)


def speed_rows(results, data_set, width):
    mine = results.curve(data_set, SUBJECT, 1)
    other = results.curve(data_set, REFERENCE, 1)
    library = results.curve(data_set, "hnswlib", 1)
    for target in (0.95, 0.99, 0.999):
        yield speed_row(data_set, "QPS at recall %g" % target, mine, other, REFERENCE, target, QPS[width])
    # Where nobody reaches 0.99, what both reach.
    target = highest(mine, library)
    yield speed_row(data_set, "QPS at %g, hnswlib in process" % target, mine, library, "hnswlib", target, QPS_LIBRARY[width])
    target = highest(mine, other)
    what, p99 = "p99 latency at %g, us" % target, lambda line: line["p99_us"]
    a, b = at_recall(mine, target, p99), at_recall(other, target, p99)
    if a and b:
        yield at_most(data_set, what, a, b, P99[width], number)
    else:
        yield missing(data_set, what, "<= " + fraction(P99[width]))


def highest(mine, other):
    return next((t for t in (0.99, 0.95, 0.9) if qps_at(mine, t) and qps_at(other, t)), 0.99)


def speed_row(data_set, what, mine, other, name, target, bar):
    a, b = qps_at(mine, target), qps_at(other, target)
    if not mine or not other:
        return missing(data_set, what, ">= " + fraction(bar))
    if not a:
        return row(data_set, what, "not reached", number(b), "-", ">= " + fraction(bar), "MISSED" if b else "neither reaches it")
    if not b:
        return row(data_set, what, number(a), "not reached", "-", ">= " + fraction(bar), "met: %s does not reach it" % name)
    pairs = zip(qps_rounds_at(mine, target), qps_rounds_at(other, target))
    return at_least(data_set, what, [x / y for x, y in pairs if x and y], bar, number(a), number(b))


def build_rows(results, data_set, width):
    megabytes = lambda value: number(value / 1e6) + " MB"
    mine, other = built(results, data_set, SUBJECT), built(results, data_set, REFERENCE)
    cells = (
        ("build time, s", "seconds", BUILD, number),
        ("peak build memory", "memory_bytes", MEMORY, megabytes),
        ("index size, auto", "index_bytes", SIZE, megabytes),
    )
    for what, member, bar, show in cells:
        if mine and other:
            yield at_most(data_set, what, mine[member], other[member], bar[width], show)
        else:
            yield missing(data_set, what, "<= " + fraction(bar[width]))
    compact = built(results, data_set, SUBJECT + "-compact")
    if compact and other:
        yield at_most(data_set, "index size, compact", compact["index_bytes"], other["index_bytes"], SIZE_COMPACT[width], megabytes)
    else:
        why = failure(results, data_set, SUBJECT + "-compact") or NOT_MEASURED
        yield missing(data_set, "index size, compact", "<= " + fraction(SIZE_COMPACT[width]), why)


def insert_rows(results, data_set, width):
    single = lambda system: one(results.of("insert", set=data_set, system=system, way="single"))
    mine, other = single(SUBJECT), single(REFERENCE)
    if mine and other:
        ratios = [a / b for a, b in zip(mine["rows_per_second_rounds"], other["rows_per_second_rounds"])]
        what = "single-row inserts/s (%d rows there)" % mine["rows_before"]
        yield at_least(data_set, what, ratios, INSERT[width], number(mine["rows_per_second"]), number(other["rows_per_second"]))
    else:
        yield missing(data_set, "single-row inserts/s", ">= " + fraction(INSERT[width]))
    # The whole row's WAL: heap, TOAST, primary key and the vector index.
    layouts = (
        ("inline", single(SUBJECT + "-inline") or mine, WAL),
        ("compact", single(SUBJECT + "-compact"), WAL_COMPACT),
    )
    for layout, line, bar in layouts:
        what = "WAL bytes per inserted row, %s" % (layout if line is not mine else "auto")
        if line and other and "wal_record_bytes_per_row" in line and "wal_record_bytes_per_row" in other:
            yield at_most(data_set, what, line["wal_record_bytes_per_row"], other["wal_record_bytes_per_row"], bar[width], number)
            of_index = "%s of the index alone" % what
            shown = at_most(data_set, of_index, line["wal_index_bytes_per_row"], other["wal_index_bytes_per_row"], bar[width], number)
            yield shown[:-2] + ["shown", ""]
        else:
            yield missing(data_set, what, "<= " + fraction(bar[width]))


def life_rows(results, data_set, width):
    rounds = lambda system: {line["round"]: line for line in results.of("churn", set=data_set, system=system, stage="round")}
    mine, other = rounds(SUBJECT), rounds(REFERENCE)
    if 1 in mine and 1 in other:
        what = "VACUUM of 10 % deleted, s"
        yield at_most(data_set, what, mine[1]["vacuum_seconds"], other[1]["vacuum_seconds"], VACUUM[width], lambda v: "%.3g" % v)
    else:
        yield missing(data_set, "VACUUM of 10 % deleted", "<= " + fraction(VACUUM[width]))
    show = lambda figures: "%.4f to %.4f" % figures
    loss = lambda lines: (lines[0]["recall"], lines[1]["recall_vacuumed"])
    bar = "loss <= %g" % VACUUM_LOSS
    if 0 in mine and 1 in mine:
        before, after = loss(mine)
        peer = show(loss(other)) if 0 in other and 1 in other else "-"
        verdict = judged(before - after <= VACUUM_LOSS)
        yield row(data_set, "recall, before and after that VACUUM", show((before, after)), peer, "%+.4f" % (after - before), bar, verdict)
    else:
        yield missing(data_set, "recall, before and after that VACUUM", bar)
    fresh = one(results.of("churn", set=data_set, system=SUBJECT, stage="fresh"))
    what, bar = "recall, half replaced in %d rounds; fresh build" % CHURN_ROUNDS, "within %g" % CHURN_LOSS
    if fresh and CHURN_ROUNDS in mine and fresh["round"] >= CHURN_ROUNDS:
        last = mine[CHURN_ROUNDS]["recall"]
        good = judged(fresh["recall"] - last <= CHURN_LOSS)
        yield row(data_set, what, "%.4f; %.4f" % (last, fresh["recall"]), "-", "%+.4f" % (last - fresh["recall"]), bar, good)
    else:
        yield missing(data_set, what, bar)
    mine, other = (one(results.of("cold", set=data_set, system=system)) for system in (SUBJECT, REFERENCE))
    if mine and other:
        what = "cold start p50, us (recall %.3f, %.3f)" % (mine.get("recall", 0), other.get("recall", 0))
        yield at_most(data_set, what, mine["p50_us"], other["p50_us"], COLD[width], number)
    else:
        yield missing(data_set, "cold start p50", "<= " + fraction(COLD[width]))


def connection_row(results, data_set):
    what, bar = "QPS of two connections to one", ">= %gx" % CONNECTIONS
    single, double = (results.curve(data_set, SUBJECT, connections) for connections in (1, 2))
    if not single or not double:
        return missing(data_set, what, bar)
    line = next((line for line in single if line["recall"] >= 0.99), single[-1])
    pair = one([other for other in double if other["value"] == line["value"]])
    if not pair:
        return missing(data_set, what, bar)
    ratios = [a / b for a, b in zip(pair["qps_rounds"], line["qps_rounds"])]
    found = at_least(data_set, what, ratios, CONNECTIONS, number(pair["qps"]), number(line["qps"]))
    found[5] = bar
    return found


def slope(points):
    """Least squares of log y over log x."""
    xs, ys = [math.log(x) for x, _ in points], [math.log(max(y, 1e-9)) for _, y in points]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)


def growth_rows(results, data_set):
    lines = sorted(results.of("growth", set=data_set, system=SUBJECT), key=lambda line: line["rows"])
    if len(lines) < 2:
        return
    first, last = lines[0], lines[-1]
    for what, member in (("build, s", "build_seconds"), ("query p50, us", "p50_us"), ("buffers per query", "buffers"),
                         ("VACUUM of 1 %, s", "vacuum_seconds"), ("peak build memory, bytes", "memory_bytes"),
                         ("index, bytes", "index_bytes")):  # fmt: skip
        name = "%s, %s to %s rows" % (what, number(first["rows"]), number(last["rows"]))
        figures = "%s to %s" % (number(first[member]), number(last[member]))
        exponent = slope([(line["rows"], line[member]) for line in lines])
        yield row(data_set, name, figures, "-", "slope %.2f" % exponent, "shown", "recall %.3f to %.3f" % (first["recall"], last["recall"]))


def very_wide_row(results, data_set):
    qps = qps_at(results.curve(data_set, SUBJECT, 1), VERY_WIDE_RECALL)
    bar = ">= %d QPS" % VERY_WIDE_QPS
    what = "QPS at recall %g" % VERY_WIDE_RECALL
    if not qps:
        return missing(data_set, what, bar)
    return row(data_set, what, number(qps), "cannot index it", "-", bar, judged(qps >= VERY_WIDE_QPS))


def bars(results):
    """Rows of HEADER for every set that vecx was measured on."""
    rows = []
    for data_set in results.sets:
        mine = built(results, data_set, SUBJECT)
        if not mine:
            continue
        if failure(results, data_set, REFERENCE) and not built(results, data_set, REFERENCE):
            rows.append(very_wide_row(results, data_set))
        else:
            width = NARROW if data_set.startswith("sift") else WIDE
            for section in (speed_rows, build_rows, insert_rows, life_rows):
                rows += section(results, data_set, width)
        rows.append(connection_row(results, data_set))
        rows += growth_rows(results, data_set)
    return rows


def main():
    results = Results(os.path.join(sys.argv[1], "results.jsonl"))
    rows = [HEADER] + bars(results)
    widths = [max(len(line[c]) for line in rows) for c in range(len(HEADER) - 1)]
    for line in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)) + "  " + line[-1])
    verdicts = [line[-1] for line in rows[1:]]
    met, missed = sum(v.startswith("met") for v in verdicts), verdicts.count("MISSED")
    print("%d met, %d missed, %d not decided" % (met, missed, len(verdicts) - met - missed))


if __name__ == "__main__":
    main()
