"""Whether two runs agree: every ratio to pgvector of both, side by side.

compare.py DIRECTORY DIRECTORY [SYSTEM...]   (make bench-compare A=current B=second)
  SYSTEM   whose ratios are compared (vecx, pgvector-ivfflat, hnswlib: all that both runs have)

Two ratios agree when they differ by at most 10 %. When they do not, the spread of the alternating rounds may explain
it: a difference is explained when the ranges of the rounds of both runs overlap. Exit code 1 when one is neither.
"""

import os
import sys

from results import REFERENCE, Results, median, qps_at, qps_rounds_at

TOLERANCE = 0.10
TARGETS = (0.90, 0.95, 0.99, 0.999)


def ratios_of(results):
    """{(set, system, what): [ratio of each round]}"""
    found = {}
    for data_set in results.sets:
        for system in results.systems:
            if system == REFERENCE:
                continue
            for connections in (1, 2):
                mine = results.curve(data_set, system, connections)
                other = results.curve(data_set, REFERENCE, connections)
                for target in TARGETS:
                    if qps_at(mine, target) and qps_at(other, target):
                        pairs = zip(qps_rounds_at(mine, target), qps_rounds_at(other, target))
                        what = "QPS at %g, %d connection%s" % (target, connections, "s" if connections > 1 else "")
                        found[data_set, system, what] = [a / b for a, b in pairs if a and b]
            for phase, member, part in (("build", "seconds", None), ("build", "index_bytes", None),
                                        ("insert", "rows_per_second", "way"), ("filter", "qps", "condition")):  # fmt: skip
                for line in results.of(phase, set=data_set, system=system):
                    same = {part: line[part]} if part else {}
                    if "plan" in line:
                        same["plan"] = line["plan"]
                    other = [o for o in results.of(phase, set=data_set, system=REFERENCE, **same) if "failure" not in o]
                    if "failure" in line or not line[member] or not other or not other[-1][member]:
                        continue
                    pairs = zip(line.get(member + "_rounds", [line[member]]), other[-1].get(member + "_rounds", [other[-1][member]]))
                    what = "%s %s %s" % (phase, member, " ".join(same.values()))
                    found[data_set, system, what.strip()] = [a / b for a, b in pairs if b]
    return found


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    first, second = (ratios_of(Results(os.path.join(path, "results.jsonl"))) for path in sys.argv[1:3])
    wanted = sys.argv[3:]
    agree = explained = 0
    unexplained = []
    print("%-14s %-16s %-34s %22s %22s %7s" % ("set", "system", "ratio to pgvector", "first run", "second run", "apart"))
    for key in first:
        if key not in second or not first[key] or not second[key] or (wanted and key[1] not in wanted):
            continue
        a, b = first[key], second[key]
        apart = median(b) / median(a) - 1
        overlap = min(a) <= max(b) and min(b) <= max(a)
        good = abs(apart) <= TOLERANCE
        agree += good
        explained += not good and overlap and len(a) > 1
        if not good and not (overlap and len(a) > 1):
            unexplained.append(key)
        show = lambda rounds: "%.2f (%.2f-%.2f)" % (median(rounds), min(rounds), max(rounds))
        word = "" if good else "  spread" if overlap and len(a) > 1 else "  APART"
        print("%-14s %-16s %-34s %22s %22s %+6.1f%%%s" % (*key, show(a), show(b), apart * 100, word))
    print("%d ratios agree within %d %%, %d more are explained by the spread of the rounds, %d are not"
          % (agree, TOLERANCE * 100, explained, len(unexplained)))  # fmt: skip
    sys.exit(1 if unexplained else 0)


if __name__ == "__main__":
    main()
