"""The report's sections on recall and speed: curves, tables at equal recall, latency."""

from page import colour, legend, panels, plain_log, plt
from results import REFERENCE, at_recall, median, number, qps_at, qps_rounds_at

TARGETS = [0.90, 0.95, 0.99, 0.999]


def query_section(report, results):
    if not results.of("query"):
        return
    report.heading(2, "Recall and speed")
    report.text(
        "Queries per second against recall@10 (tie-aware), one connection. Up and to the right is better. Lines join the "
        "settings of one index; the bars are the slowest and fastest round."
    )
    figure, axes = panels(len(results.sets))
    for axis, data_set in zip(axes, results.sets):
        for system in results.systems:
            curve = [line for line in results.curve(data_set, system, 1) if line["recall"] >= 0.5]
            if not curve:
                continue
            if system == "exact":
                axis.axhline(curve[0]["qps"], color=colour(system), linestyle=":", label="exact (brute force in process)")
                continue
            # The axis shows the error, so that 0.99 and 0.999 are as far apart as 0.9 and 0.99.
            errors = [max(2e-4, 1 - line["recall"]) for line in curve]
            qps = [line["qps"] for line in curve]
            spread = [
                [line["qps"] - min(line["qps_rounds"]) for line in curve],
                [max(line["qps_rounds"]) - line["qps"] for line in curve],
            ]
            axis.errorbar(
                errors, qps, yerr=spread, color=colour(system), label=system, marker="o", markersize=3.5, elinewidth=0.8,
                linewidth=2 if system == "vecx" else 1.2, zorder=3 if system == "vecx" else 2,
            )
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlim(0.5, 1.5e-4)
        axis.set_xticks([0.1, 0.05, 0.01, 0.001, 2e-4])
        axis.set_xticklabels(["0.9", "0.95", "0.99", "0.999", "1"])
        axis.minorticks_off()
        plain_log(axis.yaxis)
        axis.set_title(data_set)
        axis.set_xlabel("recall@10")
        axis.set_ylabel("queries per second")
    legend(figure, axes)
    report.plot(figure, "recall-qps", "Recall against queries per second, one connection")

    report.heading(3, "At equal recall")
    report.text(
        "Queries per second where the curves cross the recall, interpolated between measured settings; '-' where no "
        "setting reaches it. A first setting that is already better counts as it is. In brackets: the ratio to pgvector's "
        "hnsw with the smallest and largest of the alternating rounds."
    )
    for data_set in results.sets:
        rows = []
        reference = results.curve(data_set, REFERENCE, 1)
        for system in results.systems:
            curve = results.curve(data_set, system, 1)
            if not curve or system == "exact":
                continue
            row = [system]
            for target in TARGETS:
                qps = qps_at(curve, target)
                cell = number(qps)
                if qps and system != REFERENCE and qps_at(reference, target):
                    pairs = zip(qps_rounds_at(curve, target), qps_rounds_at(reference, target))
                    ratios = [a / b for a, b in pairs if a and b]
                    cell += " (%.2fx, %.2f-%.2f)" % (median(ratios), min(ratios), max(ratios))
                row.append(cell)
            rows.append(row)
        if rows:
            report.heading(4, data_set)
            report.table(["system"] + ["recall %g" % t for t in TARGETS], rows)
    cpu_table(report, results)

    report.heading(3, "Latency, buffers, worst queries")
    report.text("At the first measured setting with recall of at least 0.99 (else the last one), by number of connections.")
    for data_set in results.sets:
        rows = []
        for system in results.systems:
            for connections in sorted(set(line["connections"] for line in results.of("query"))):
                curve = results.curve(data_set, system, connections)
                if not curve:
                    continue
                line = next((line for line in curve if line["recall"] >= 0.99), curve[-1])
                rows.append(
                    [system, str(connections), "%s %d" % (line["setting"], line["value"]), "%.4f" % line["recall"],
                     "%.2f" % line["recall_p5"], "%.1f" % line["recall_min"], number(line["qps"]), number(line["p50_us"]),
                     number(line["p95_us"]), number(line["p99_us"]), number(line.get("cpu_us") or None),
                     number(line["buffers"] or None), number(line.get("nodes"))]
                )  # fmt: skip
        if rows:
            report.heading(4, data_set)
            header = ["system", "conn.", "setting", "recall", "5th pct.", "min", "QPS", "p50 us", "p95 us", "p99 us",
                      "CPU us", "buffers", "nodes"]
            report.table(header, rows)
    latency_plot(report, results)


def cpu_table(report, results):
    """The same comparison in processor time, for the systems whose server's time is known."""
    rows = []
    for data_set in results.sets:
        reference = results.curve(data_set, REFERENCE, 1)
        for system in results.systems:
            curve = results.curve(data_set, system, 1)
            if not curve or any(not line.get("cpu_us") for line in curve):
                continue
            row = [data_set, system]
            for target in TARGETS:
                cpu = at_recall(curve, target, lambda line: line["cpu_us"])
                cell = number(cpu)
                other = at_recall(reference, target, lambda line: line.get("cpu_us") or 1)
                if cpu and other and system != REFERENCE:
                    cell += " (%.2fx)" % (other / cpu)
                row.append(cell)
            rows.append(row)
    if rows:
        report.heading(3, "Processor time at equal recall")
        report.text(
            "Microseconds of the server's processor per query, which hardly depend on what else the machine does. In "
            "brackets: how many times less than pgvector's hnsw."
        )
        report.table(["set", "system"] + ["recall %g" % t for t in TARGETS], rows)


def latency_plot(report, results):
    figure, axes = panels(len(results.sets), height=2.8)
    for axis, data_set in zip(axes, results.sets):
        names, at = [], 0
        for system in results.systems:
            curve = results.curve(data_set, system, 1)
            if not curve or system == "exact":
                continue
            line = next((line for line in curve if line["recall"] >= 0.99), curve[-1])
            axis.plot([line["p50_us"], line["p99_us"]], [at, at], color=colour(system), linewidth=5, alpha=0.4)
            axis.plot(line["p50_us"], at, "|", color=colour(system), markersize=12, markeredgewidth=3)
            axis.plot(line["p95_us"], at, "|", color=colour(system), markersize=8, markeredgewidth=2)
            names.append("%s (%.3f)" % (system, line["recall"]))
            at += 1
        axis.set_yticks(range(len(names)))
        axis.set_yticklabels(names)
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.margins(y=0.12)
        plain_log(axis.xaxis)
        axis.set_xlabel("microseconds per query")
        axis.set_title(data_set)
    figure.tight_layout()
    report.plot(
        figure, "latency", "Latency at recall 0.99 (reached recall in brackets): from the median (large mark) over the 95th to the 99th percentile"
    )
