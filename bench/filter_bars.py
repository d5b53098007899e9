"""What filtered queries are held to: a table of bars, a table of plan choices, and curves.

filter_bars.py DIRECTORY   reads DIRECTORY/results.jsonl (make bench-filter), prints the tables, writes them to
                           DIRECTORY/bars.txt and, with matplotlib, the curves to DIRECTORY/SET.svg

The subject runs at its defaults with the planner free. It is compared with what else answers the same query in the same
run: the exact scan, the B-tree and a sort, and pgvector's iterative scans. A peer that returns too few rows counts too.
"""

import os
import sys

from results import REFERENCE, Results, number

SUBJECT = "vecx"
K = 10
RECALL, RECALL_P5 = 0.95, 0.8
AT_LEAST_BEST = 0.95  # "at least as fast", with the noise of two measurements of the same plan
TIMES_PGVECTOR, AT_SHARES = 10, (0.1, 0.01, 0.001)
TENANT, CHOICE, CHOICE_SHARE = 2.0, 1.5, 0.9
KINDS = ["random", "correlated", "anti-correlated", "own"]


class Point:
    """One filter on one set: what each system did under each plan."""

    def __init__(self, lines):
        first = lines[0]
        self.set, self.kind, self.share = first["set"], first["kind"], first["share"]
        self.condition, self.matching = first["condition"], first["matching"]
        self.of = {(line["system"], line["plan"]): line for line in lines}

    def name(self):
        return self.condition if self.kind == "own" else "%s %g %%" % (self.kind, 100 * self.share)

    def subject(self):
        return self.of.get((SUBJECT, "free"))

    def peers(self):
        named = {
            "exact scan": (SUBJECT, "exact"),
            "B-tree + sort": (SUBJECT, "sort"),
            "pgvector relaxed": (REFERENCE, "index"),
            "pgvector strict": (REFERENCE, "strict"),
        }
        return {name: self.of[key] for name, key in named.items() if key in self.of}

    def best_peer(self):
        return max(self.peers().items(), key=lambda peer: peer[1]["qps"], default=(None, None))

    def iterative(self):
        found = [self.of[key]["qps"] for key in ((REFERENCE, "index"), (REFERENCE, "strict")) if key in self.of]
        return max(found, default=None)

    def best_plan(self):
        plans = {plan: line["qps"] for (system, plan), line in self.of.items() if system == SUBJECT}
        return max(plans.items(), key=lambda plan: plan[1], default=(None, None))


def points_of(results):
    groups = {}
    for line in results.of("filter"):
        groups.setdefault((line["set"], line["condition"]), []).append(line)
    points = [Point(lines) for lines in groups.values()]
    return sorted(points, key=lambda p: (results.sets.index(p.set), KINDS.index(p.kind), -p.share))


def table(header, rows):
    widths = [max(len(str(row[i])) for row in [header] + rows) for i in range(len(header))]
    lines = ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [header] + rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def verdict(good):
    return "met" if good else "MISSED"


def point_rows(points):
    for point in points:
        mine = point.subject()
        if mine is None:
            continue
        full = min(K, point.matching)
        # The mean over the queries reaches the most that is possible only when each does.
        rows = "%g of %g" % (mine["returned"], full)
        good_rows = mine["returned"] >= full - 1e-9
        good_recall = mine["recall"] >= RECALL and mine["recall_p5"] >= RECALL_P5
        peer, best = point.best_peer()
        ratio = mine["qps"] / best["qps"] if best else None
        iterative = point.iterative()
        times = mine["qps"] / iterative if iterative else None
        asked = point.kind == "random" and any(abs(point.share - share) < 1e-9 for share in AT_SHARES)
        yield [
            point.set,
            point.name(),
            rows + ("" if good_rows else " MISSED"),
            "%.3f/%.2f" % (mine["recall"], mine["recall_p5"]) + ("" if good_recall else " MISSED"),
            number(mine["qps"]),
            "%s %s" % (peer, number(best["qps"])) if best else "-",
            "%.2f %s" % (ratio, verdict(ratio >= AT_LEAST_BEST)) if ratio else "not measured",
            "%.1f" % times + (" " + verdict(times >= TIMES_PGVECTOR) if asked else "") if times else "-",
        ]


def choice_rows(points):
    for point in points:
        mine = point.subject()
        plan, best = point.best_plan()
        if mine and len([p for s, p in point.of if s == SUBJECT]) > 1:
            slower = best / mine["qps"]
            yield [point.set, point.name(), number(mine["qps"]), plan, number(best), "%.2f" % slower, verdict(slower <= CHOICE)]


def tenant_rows(results):
    for line in results.of("tenants"):
        if "tenant" not in line:
            continue
        ratio = line["shared"]["p99_us"] / line["alone_index"]["p99_us"]
        cells = [number(line[side]["p99_us"]) for side in ("shared", "alone_index", "alone_free")]
        good = verdict(ratio <= TENANT) if line["system"] == SUBJECT else ""
        yield [line["set"], line["system"], line["tenant"], number(line["rows"])] + cells + ["%.2f" % ratio, good]


def draw(directory, data_set, points):
    from page import legend, plain_log, plt

    curves = {
        "vecx, as planned": (SUBJECT, "free", "-o"),
        "vecx, vector index": (SUBJECT, "index", ":o"),
        "exact scan": (SUBJECT, "exact", "--"),
        "B-tree + sort": (SUBJECT, "sort", "-."),
        "pgvector relaxed": (REFERENCE, "index", "-s"),
        "pgvector strict": (REFERENCE, "strict", ":s"),
    }
    kinds = [kind for kind in KINDS[:3] if any(p.kind == kind for p in points)]
    if not kinds:
        return
    figure, axes = plt.subplots(2, len(kinds), figsize=(4 * len(kinds), 6), sharex=True, sharey="row", squeeze=False)
    for column, kind in enumerate(kinds):
        some = [p for p in points if p.kind == kind]
        for name, (system, plan, style) in curves.items():
            known = [(p.share * 100, p.of[system, plan]) for p in some if (system, plan) in p.of]
            if known:
                shares = [share for share, _ in known]
                axes[0][column].plot(shares, [line["qps"] for _, line in known], style, label=name, markersize=4)
                axes[1][column].plot(shares, [line["recall"] for _, line in known], style, label=name, markersize=4)
        axes[0][column].set(title=kind, xscale="log", yscale="log")
        axes[1][column].set(xlabel="% of the rows match", xscale="log", ylim=(-0.03, 1.03))
        axes[0][column].set_xticks(sorted({p.share * 100 for p in some if p.share}))
        axes[0][column].xaxis.set_major_formatter(lambda value, _: "%g" % value)
        axes[0][column].minorticks_off()
        plain_log(axes[0][column].yaxis)
        axes[0][column].invert_xaxis()
    axes[0][0].set_ylabel("queries/s")
    axes[1][0].set_ylabel("recall@%d" % K)
    figure.suptitle("%s: WHERE ... ORDER BY distance LIMIT %d" % (data_set, K))
    legend(figure, axes.flat)
    figure.savefig(os.path.join(directory, data_set + ".svg"), metadata={"Date": None})
    plt.close(figure)


def main(directory):
    results = Results(os.path.join(directory, "results.jsonl"))
    points = points_of(results)
    parts = ["k = %d, defaults, planner free; ratios of queries/s" % K]
    header = ["set", "filter", "rows", "recall mean/p5", "vecx", "best peer", ">= %g of it" % AT_LEAST_BEST, ">= 10x iterative"]
    parts.append(table(header, list(point_rows(points))))
    choices = list(choice_rows(points))
    if choices:
        good = sum(row[-1] == "met" for row in choices) / len(choices)
        header = ["set", "filter", "as planned", "best plan", "", "times slower", "<= %g" % CHOICE]
        parts.append(table(header, choices))
        parts.append("plan choice: within %g of the best in %.0f %% of %d points, bar %.0f %%: %s"
                     % (CHOICE, 100 * good, len(choices), 100 * CHOICE_SHARE, verdict(good >= CHOICE_SHARE)))
    tenants = list(tenant_rows(results))
    header = ["set", "system", "tenant", "rows", "p99 us in one table", "alone, index", "alone, as planned", "ratio to index", "<= %g" % TENANT]
    parts.append(table(header, tenants) if tenants else "tenants: not measured")
    text = "\n\n".join(parts) + "\n"
    print(text, end="")
    with open(os.path.join(directory, "bars.txt"), "w") as file:
        file.write(text)
    try:
        for data_set in results.sets:
            draw(directory, data_set, [p for p in points if p.set == data_set])
    except ImportError:
        print("no curves: matplotlib is missing (Debian: python3-matplotlib)", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
