"""The report's section on a second run of the same (second.jsonl): how far its ratios are from the first run's."""

import os

from agreement import AGREE, TOLERANCE, compare, show, summary
from page import colour, legend, plain_log, plt
from results import Results, median


def drift_rows(first, second):
    """What the same step of the sweep cost each system in the second run, in times of the first: its median, least and most."""
    for data_set in first.sets:
        cells = []
        for system in first.systems:
            again = {line["value"]: line for line in second.curve(data_set, system, 1)}
            both = [(line, again[line["value"]]) for line in first.curve(data_set, system, 1) if line["value"] in again]
            times = [b["cpu_us"] / a["cpu_us"] for a, b in both if a.get("cpu_us") and b.get("cpu_us")]
            cells.append(show(times) if times else "-")
        yield [data_set] + cells


def agreement_section(report, results, directory):
    path = os.path.join(directory, "second.jsonl")
    if not os.path.exists(path):
        return
    second = Results(path)
    pairs = compare(results, second)
    if not pairs:
        return
    report.heading(2, "A second run")
    report.text(
        "The same again, later, all of it: of every ratio to pgvector's hnsw that both runs have, %s. The plot shows all, with "
        "bars from the smallest round to the largest, the table those that differ by more." % summary(pairs)
    )
    families = [("queries/s", lambda pair: pair.what.startswith("QPS")), ("building", lambda pair: pair.what.startswith("build"))]
    figure, axes = plt.subplots(1, len(families), figsize=(9.2, 4.4))
    for axis, (title, belongs) in zip(axes, families):
        group = [pair for pair in pairs if belongs(pair)]
        for pair in group:
            x, y = median(pair.first), median(pair.second)
            axis.errorbar(
                x, y, xerr=[[x - min(pair.first)], [max(pair.first) - x]], yerr=[[y - min(pair.second)], [max(pair.second) - y]],
                color=colour(pair.system), label=pair.system, marker="o", markersize=3, elinewidth=0.6,
            )  # fmt: skip
        ends = [median(rounds) for pair in group for rounds in (pair.first, pair.second)] or [1]
        span = [min(ends) * 0.8, max(ends) * 1.25]
        axis.plot(span, span, color="#999999", linewidth=0.8, zorder=0)
        axis.fill_between(span, [v * (1 - TOLERANCE) for v in span], [v * (1 + TOLERANCE) for v in span], color="#dddddd", zorder=0)
        axis.set_xscale("log")
        axis.set_yscale("log")
        plain_log(axis.xaxis)
        plain_log(axis.yaxis)
        axis.set_title(title)
        axis.set_xlabel("ratio to pgvector, first run")
        axis.set_ylabel("second run")
    legend(figure, axes)
    report.plot(figure, "second-run", "Ratios of two runs; the band is 10 %")
    report.text(
        "The rounds of a run are seconds to minutes apart, the two runs longer. What changed in between shows in the processor time of the same step of the "
        "same system: here that of the second run in times of the first, the median of all steps, with the least and the most."
    )
    report.table(["set"] + results.systems, list(drift_rows(results, second)))
    report.table(
        ["set", "system", "ratio to pgvector", "first run", "second run", "apart", ""],
        [[pair.data_set, pair.system, pair.what, show(pair.first), show(pair.second), "%+.1f %%" % (pair.apart() * 100), pair.verdict()]
         for pair in pairs if pair.verdict() != AGREE],
    )  # fmt: skip
