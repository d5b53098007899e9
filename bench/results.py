"""Reads the driver's result files: what the report, the bars and the comparison of two runs share.

results.py forget RESULTS SYSTEM...   removes the lines of these systems, so that they are measured again; and all
                                      lines of the sweep, whose rounds only mean something beside each other
"""

import json
import math
import os
import sys

# As they are listed and drawn.
ORDER = ["vecx", "pgvector", "pgvector-ivfflat", "hnswlib", "faiss-hnsw", "faiss-ivf", "exact"]
REFERENCE = "pgvector"


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


class Results:
    def __init__(self, path):
        self.lines = []
        with open(path) as file:
            for line in file:
                try:
                    self.lines.append(json.loads(line))
                except ValueError:
                    pass  # the line that an interrupted run left half written
        self.sets = self.names("set")
        named = self.names("system")
        self.systems = [s for s in ORDER if s in named] + [s for s in named if s not in ORDER]

    def names(self, member):
        return list(dict.fromkeys(line[member] for line in self.lines if member in line))

    def of(self, phase, **members):
        found = [line for line in self.lines if line["phase"] == phase]
        return [line for line in found if all(line.get(k) == v for k, v in members.items())]

    def curve(self, data_set, system, connections):
        lines = self.of("query", set=data_set, system=system, connections=connections)
        return sorted(lines, key=lambda line: line["value"])


def at_recall(curve, target, figure):
    """The figure at a recall between two measured settings, or None outside of them.

    The logarithm of the figure is interpolated over the logarithm of the error 1 - recall. The first
    setting counts for every target that it reaches already: nobody would take a slower one.
    """
    previous = None
    for line in curve:
        if line["recall"] >= target:
            if previous is None or previous["recall"] >= line["recall"]:
                return figure(line)
            x0, x1 = (math.log(max(1e-4, 1 - p["recall"])) for p in (previous, line))
            share = 1 if x1 == x0 else (math.log(1 - target) - x0) / (x1 - x0)
            share = min(1, max(0, share))
            return math.exp(math.log(figure(previous)) * (1 - share) + math.log(figure(line)) * share)
        previous = line
    return None


def qps_at(curve, target):
    return at_recall(curve, target, lambda line: line["qps"])


def qps_rounds_at(curve, target):
    rounds = min((len(line["qps_rounds"]) for line in curve), default=0)
    return [at_recall(curve, target, lambda line: line["qps_rounds"][r]) for r in range(rounds)]


def number(value):
    if value is None:
        return "-"
    if value >= 100:
        return "{:,.0f}".format(value)
    return "%.3g" % value


def forget(path, systems):
    if not os.path.exists(path):
        return
    with open(path) as file:
        lines = file.readlines()
    kept = []
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if line.get("system") not in systems and line["phase"] != "query":
            kept.append(text)
    with open(path + ".tmp", "w") as file:
        file.writelines(kept)
    os.replace(path + ".tmp", path)
    print("%s: %d of %d lines kept" % (path, len(kept), len(lines)))


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] != "forget":
        sys.exit(__doc__)
    forget(sys.argv[2], sys.argv[3:])
