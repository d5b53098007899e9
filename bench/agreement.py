"""Whether two runs agree: every ratio to pgvector of both, side by side.

Two ratios agree when they differ by at most 10 %. When they do not, the spread of the alternating rounds may explain it: a
difference is explained when the ranges of the rounds of both runs overlap.
"""

from dataclasses import dataclass

from results import REFERENCE, median, qps_at, qps_rounds_at

TOLERANCE = 0.10
TARGETS = (0.90, 0.95, 0.99, 0.999)
AGREE, SPREAD, APART = "", "spread", "APART"


@dataclass
class Pair:
    data_set: str
    system: str
    what: str
    first: list  # the ratio in each round
    second: list

    def apart(self):
        return median(self.second) / median(self.first) - 1

    def verdict(self):
        if abs(self.apart()) <= TOLERANCE:
            return AGREE
        several = min(len(self.first), len(self.second)) > 1
        return SPREAD if several and min(self.first) <= max(self.second) and min(self.second) <= max(self.first) else APART


def show(rounds):
    return "%.2f (%.2f-%.2f)" % (median(rounds), min(rounds), max(rounds))


def ratios_of_rounds(mine, other):
    """Round by round where both have as many; else to the other's median, of what was measured once because it takes long."""
    if not other:
        return []
    if len(mine) != len(other):
        other = [median(other)] * len(mine)
    return [a / b for a, b in zip(mine, other) if a and b]


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
                        what = "QPS at %g, %d connection%s" % (target, connections, "s" if connections > 1 else "")
                        found[data_set, system, what] = ratios_of_rounds(qps_rounds_at(mine, target), qps_rounds_at(other, target))
            for phase, member, part in (("build", "seconds", None), ("build", "index_bytes", None),
                                        ("insert", "rows_per_second", "way"), ("filter", "qps", "condition")):  # fmt: skip
                for line in results.of(phase, set=data_set, system=system):
                    same = {part: line[part]} if part else {}
                    if "plan" in line:
                        same["plan"] = line["plan"]
                    other = [o for o in results.of(phase, set=data_set, system=REFERENCE, **same) if "failure" not in o]
                    if "failure" in line or not line[member] or not other or not other[-1][member]:
                        continue
                    if member == "index_bytes" and not line["wal_bytes"]:
                        continue  # a library's is the growth of the process, which depends on what was freed before
                    rounds = lambda of: of.get(member + "_rounds", [of[member]])
                    what = "%s %s %s" % (phase, member, " ".join(same.values()))
                    found[data_set, system, what.strip()] = ratios_of_rounds(rounds(line), rounds(other[-1]))
    return found


def compare(first, second, wanted=()):
    """Pairs of all ratios that both results have, of the systems wanted (all when empty)."""
    one, two = ratios_of(first), ratios_of(second)
    return [Pair(*key, one[key], two[key]) for key in one if one[key] and two.get(key) and (not wanted or key[1] in wanted)]


def summary(pairs):
    counts = [sum(pair.verdict() == verdict for pair in pairs) for verdict in (AGREE, SPREAD, APART)]
    return "%d ratios agree within %d %%, %d more are explained by the spread of the rounds, %d are not" % (
        counts[0], TOLERANCE * 100, *counts[1:])  # fmt: skip
