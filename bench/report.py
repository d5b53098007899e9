"""Writes report.md, report.html and the plots from a directory's results.jsonl.

report.py DIRECTORY
The Markdown refers to the SVG files beside it; the HTML is one file with the plots inside. What a file note.txt in the
directory says about the circumstances comes first.
"""

import os
import sys

import bars
from page import Report, colour, legend, matplotlib, megabytes, plain_log, plt
from report_agreement import agreement_section
from report_query import query_section
from results import REFERENCE, Results, median, number


def machine_section(report, results):
    machines = results.of("machine")
    if not machines:
        return
    last = machines[-1]
    report.text(
        "%s, %s cores, %.0f GB, %s; driver compiled with GCC %s. Measured on %s, commit %s."
        % (last["cpu"], last["cores"], last["memory_gb"], last["kernel"], last["compiler"], last["date"], last["commit"])
    )
    if len(machines) > 1:
        report.text("The results were collected in %d runs, the first on %s." % (len(machines), machines[0]["date"]))
    rows = []
    for system in results.systems:
        about = last.get(system)
        if about:
            server = " ".join(about.get("server", "in process").split()[:2])
            settings = ", ".join("%s %s" % (k, about[k]) for k in ("shared_buffers", "maintenance_work_mem") if k in about)
            rows.append([system, about.get("extension", "-"), server, about["index"] + " " + about["with"], settings])
    report.table(["system", "extension", "server", "index", "settings"], rows)


def build_section(report, results):
    lines = [line for line in results.of("build") if line["system"] != "exact"]
    if not lines:
        return
    report.heading(2, "Building")
    built = [line for line in lines if "failure" not in line]
    rows = []
    for data_set in results.sets:
        for line in lines:
            if line["set"] != data_set:
                continue
            if "failure" in line:
                if any(other["system"] == line["system"] and other["set"] == data_set for other in built):
                    continue  # a later run succeeded
                rows.append([data_set, line["system"], "not possible: " + line["failure"].split("\n")[0]] + ["-"] * 5)
                continue
            rows.append(
                [data_set, line["system"], "%.1f" % line["seconds"], "%d" % line["processes"], megabytes(line["memory_bytes"]),
                 megabytes(line["wal_bytes"]), megabytes(line["index_bytes"]), number(line["index_bytes"] / line["rows"])]
            )  # fmt: skip
    report.table(["set", "system", "seconds", "processes", "peak MB", "WAL MB", "index MB", "bytes/row"], rows)
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 0.9 + 0.42 * len(results.sets) * 4))
    for axis, member, scale, label in ((axes[0], "seconds", 1, "build, seconds"), (axes[1], "index_bytes", 1e6, "index, MB")):
        at, ticks, names = 0, [], []
        for data_set in results.sets:
            group = [line for line in built if line["set"] == data_set]
            if member == "index_bytes":
                group = [line for line in group if line["wal_bytes"] > 0]  # the libraries' indexes are their memory
            start = at
            for line in group:
                value = line[member] / scale
                axis.barh(at, value, color=colour(line["system"]), label=line["system"], height=0.85)
                axis.text(value, at, " " + number(value), va="center", fontsize=7)
                at += 1
            if group:
                ticks.append((start + at - 1) / 2)
                names.append(data_set)
            at += 0.8
        axis.set_yticks(ticks)
        axis.set_yticklabels(names)
        axis.invert_yaxis()
        axis.margins(x=0.15)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel(label)
    legend(figure, axes)
    report.plot(figure, "build", "Build time, and size of the indexes on disk")


def filter_section(report, results):
    lines = results.of("filter")
    if not lines:
        return
    report.heading(2, "Filtered queries")
    report.text(
        "WHERE on an attribute, from half of the rows to a ten-thousandth: an attribute that has nothing to do with the "
        "query, one that selects the query's neighbourhood (correlated), and one that selects the rows farthest from it "
        "(anti-correlated). 'index' forces the vector index, which shows the access method; 'free' leaves the plan to the "
        "planner, with B-trees on the attributes. Recall counts rows that are missing."
    )
    kinds = [kind for kind in ("random", "correlated", "anti-correlated") if any(line["kind"] == kind for line in lines)]
    for plan in ("index", "free"):
        sets = [s for s in results.sets if results.of("filter", set=s, plan=plan)]
        if not sets:
            continue
        figure, axes = plt.subplots(
            len(sets) * 2, len(kinds), figsize=(3.4 * len(kinds), 4.2 * len(sets)), squeeze=False, sharey="row"
        )
        for s, data_set in enumerate(sets):
            for c, kind in enumerate(kinds):
                speed, recall = axes[2 * s][c], axes[2 * s + 1][c]
                for system in results.systems:
                    points = results.of("filter", set=data_set, system=system, kind=kind, plan=plan)
                    points.sort(key=lambda line: line["share"])
                    if points:
                        shares = [line["share"] * 100 for line in points]
                        style = dict(color=colour(system), label=system, marker="o", markersize=3)
                        speed.plot(shares, [line["qps"] for line in points], **style)
                        recall.plot(shares, [line["recall"] for line in points], **style)
                for axis in (speed, recall):
                    axis.set_xscale("log")
                    axis.set_xticks([50, 10, 1, 0.1, 0.01])
                    axis.set_xticklabels(["50", "10", "1", "0.1", "0.01"])
                    axis.minorticks_off()
                    axis.set_xlim(80, 0.006)
                speed.set_yscale("log")
                speed.tick_params(labelbottom=False)
                speed.set_title("%s, %s" % (data_set, kind))
                recall.set_ylim(-0.03, 1.03)
                recall.set_xlabel("% of rows that match")
                if c == 0:
                    speed.set_ylabel("queries per second")
                    recall.set_ylabel("recall@10")
            plain_log(axes[2 * s][0].yaxis)
        legend(figure, [axis for row in axes for axis in row])
        report.plot(figure, "filter-" + plan, "Filtered queries, plan: " + plan)
    own = [line for line in lines if line["kind"] == "own"]
    if own:
        report.heading(3, "The set's own attributes")
        report.table(
            ["set", "filter", "system", "plan", "matching", "recall", "rows", "QPS"],
            [[line["set"], line["condition"], line["system"], line["plan"], "%d" % line["matching"], "%.3f" % line["recall"],
              "%.1f" % line["returned"], number(line["qps"])] for line in own],
        )  # fmt: skip


def insert_section(report, results):
    lines = results.of("insert")
    if not lines:
        return
    report.heading(2, "Inserting")
    report.text("Into a table that has an index, one transaction per statement; \"multiple\" is ten rows per statement.")
    rows = []
    for data_set in results.sets:
        for line in results.of("insert", set=data_set):
            reference = results.of("insert", set=data_set, system=REFERENCE, way=line["way"])
            ratio = "-"
            if reference and line["system"] != REFERENCE:
                ratios = [a / b for a, b in zip(line["rows_per_second_rounds"], reference[0]["rows_per_second_rounds"])]
                ratio = "%.2f (%.2f-%.2f)" % (median(ratios), min(ratios), max(ratios))
            rows.append(
                [data_set, line["system"], line["way"], "%d" % line["rows_before"], number(line["rows_per_second"]), ratio,
                 number(line.get("cpu_us_per_row") or None), number(line["wal_bytes_per_row"]), number(line.get("wal_record_bytes_per_row"))]
            )
    report.table(["set", "system", "way", "rows before", "rows/s", "ratio to pgvector", "CPU us/row", "WAL bytes/row", "records only"], rows)


def churn_rounds(results, data_set, system):
    points = [line for line in results.of("churn", set=data_set, system=system) if line.get("stage", "round") == "round"]
    return sorted(points, key=lambda line: line["round"])


def churn_section(report, results):
    lines = results.of("churn")
    if not lines:
        return
    report.heading(2, "Churn")
    report.text("Each round deletes a tenth of the rows, vacuums, and inserts as many new ones.")
    sets = [s for s in results.sets if results.of("churn", set=s)]
    figure, axes = plt.subplots(len(sets), 3, figsize=(10.5, 2.6 * len(sets)), squeeze=False)
    members = (("recall", 1, "recall@10"), ("vacuum_seconds", 1, "VACUUM, seconds"), ("index_bytes", 1e6, "index, MB"))
    for row, data_set in zip(axes, sets):
        for axis, (member, scale, label) in zip(row, members):
            for system in results.systems:
                points = churn_rounds(results, data_set, system)
                if member == "vacuum_seconds":
                    points = [line for line in points if line["round"] > 0]
                points = [line for line in points if member in line]  # a table without an index has neither recall nor size
                if points:
                    axis.plot(
                        [line["round"] for line in points], [line[member] / scale for line in points],
                        color=colour(system), label=system, marker="o", markersize=3,
                    )  # fmt: skip
            axis.set_title(data_set)
            axis.set_ylabel(label)
            axis.set_xlabel("round")
            axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
            axis.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
            axis.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: "%g" % round(value, 4)))
            if member != "recall":
                axis.set_ylim(0, 1.08 * max(axis.get_ylim()[1], 1e-3))
    legend(figure, [axis for row in axes for axis in row])
    report.plot(figure, "churn", "Recall, time of VACUUM and size of the index, round by round")
    rows = []
    for data_set in sets:
        for system in results.systems:
            points = churn_rounds(results, data_set, system)
            if len(points) > 1:
                vacuums = [line["vacuum_seconds"] for line in points[1:]]
                fresh = results.of("churn", set=data_set, system=system, stage="fresh")
                if "recall" not in points[0]:
                    rows.append([data_set, system, "-", "-", "-", "%d" % (len(points) - 1), "%.2f" % median(vacuums), "-", "-", "-"])
                    continue
                rows.append(
                    [data_set, system, "%.4f" % points[0]["recall"], "%.4f" % points[-1]["recall"],
                     "%.4f" % fresh[-1]["recall"] if fresh else "-", "%d" % (len(points) - 1), "%.2f" % median(vacuums),
                     number(points[0]["p50_us"]), number(points[-1]["p50_us"]),
                     "%.2f" % (points[-1]["index_bytes"] / points[0]["index_bytes"])]
                )  # fmt: skip
    header = ["set", "system", "recall before", "after", "built anew", "rounds", "VACUUM s (median)", "p50 us before", "after", "size after/before"]
    report.table(header, rows)


def other_sections(report, results):
    cold = results.of("cold")
    if cold:
        report.heading(2, "Cold start")
        report.text(
            "The first queries after a restart of the server, the files dropped from the page cache where the driver may "
            "do that. Each round's first query also loads the extension and the catalogue."
        )
        report.table(
            ["set", "system", "recall (warm)", "page cache dropped", "first query ms", "p50 ms", "p95 ms"],
            [[line["set"], line["system"], "%.3f" % line["recall"] if "recall" in line else "-", "yes" if line["page_cache_dropped"] else "no", number(line["first_us"] / 1e3),
              number(line["p50_us"] / 1e3), number(line["p95_us"] / 1e3)] for line in cold],
        )  # fmt: skip
    load = results.of("pgbench")
    if load:
        report.heading(2, "Load with pgbench")
        report.table(
            ["set", "system", "mix", "connections", "transactions/s", "average ms"],
            [[line["set"], line["system"], line["mix"], "%d" % line["connections"], number(line["tps"]),
              "%.3f" % line["latency_ms"]] for line in load],
        )  # fmt: skip


def growth_section(report, results):
    lines = sorted(results.of("growth"), key=lambda line: line["rows"])
    if not lines:
        return
    report.heading(2, "Growth")
    report.text(
        "The set extended by copies with permuted coordinates; queries at the first setting with recall of at least 0.95. "
        "VACUUM after deleting a hundredth of the rows."
    )
    report.table(
        ["set", "system", "rows", "build s", "peak MB", "index MB", "recall", "QPS", "p50 us", "p99 us", "buffers", "inserts/s", "VACUUM s"],
        [[line["set"], line["system"], number(line["rows"]), number(line["build_seconds"]), megabytes(line["memory_bytes"]),
          megabytes(line["index_bytes"]), "%.4f" % line["recall"], number(line["qps"]), number(line["p50_us"]),
          number(line["p99_us"]), number(line["buffers"]), number(line["inserts_per_second"]), number(line["vacuum_seconds"])]
         for line in lines],
    )  # fmt: skip
    members = (("build_seconds", "build, s"), ("p50_us", "query p50, us"), ("buffers", "buffers per query"), ("vacuum_seconds", "VACUUM, s"))
    figure, axes = plt.subplots(1, len(members), figsize=(12, 2.8))
    for axis, (member, label) in zip(axes, members):
        for system in results.systems:
            points = [(line["rows"], line[member]) for line in lines if line["system"] == system]
            if len(points) > 1:
                name = "%s (slope %.2f)" % (system, bars.slope(points))
                axis.loglog(*zip(*points), color=colour(system), marker="o", markersize=3, label=name)
        axis.set_xlabel("rows")
        axis.set_title(label)
        axis.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    report.plot(figure, "growth", "Cost against the number of rows, both axes logarithmic")


def bars_section(report, results):
    rows = bars.bars(results)
    if any(row[-1] != bars.NOT_MEASURED and "pgvector-ivfflat" not in results.systems for row in rows):
        report.heading(2, "Bars")
        report.text(
            "What the index is held to: ratios to pgvector's hnsw (in brackets the smallest and largest of the rounds) or to "
            "hnswlib, at equal recall. \"auto\" and \"compact\" are layouts of vecx."
        )
        report.table(bars.HEADER, rows)


def main():
    directory = sys.argv[1]
    path = os.path.join(directory, "results.jsonl")
    if not os.path.exists(path):
        sys.exit("report: no results in %s; run \"make bench\" first" % directory)
    results = Results(path)
    report = Report(directory)
    report.heading(1, "vecx benchmark")
    report.text(
        "Every figure is the median of alternating rounds in one run with one client (libpq, prepared statements, binary "
        "parameters, unix socket). bench/README.md says what the settings are and how to read this."
    )
    note = os.path.join(directory, "note.txt")
    if os.path.exists(note):
        with open(note) as file:
            report.text(" ".join(file.read().split()))
    machine_section(report, results)
    query_section(report, results)
    build_section(report, results)
    filter_section(report, results)
    insert_section(report, results)
    churn_section(report, results)
    other_sections(report, results)
    growth_section(report, results)
    bars_section(report, results)
    agreement_section(report, results, directory)
    report.write()
    print("%s: report.md, report.html and plots" % directory)


main()
