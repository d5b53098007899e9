"""The regression guard: prints this run's figures as ratios and compares them with the committed run.

quick.py RESULTS KERNELS BASELINE [--save]
  RESULTS   JSON lines of vecx-bench (ground, build, query, insert)
  KERNELS   prefix of callgrind's dumps (KERNELS.1, ...), one per kernel; may be absent
  BASELINE  the committed figures; --save writes this run's there instead of comparing

Times differ from machine to machine and from minute to minute, so what is compared are ratios within
one run: to pgvector when both runs have it, else to the driver's own brute force. Recall, bytes and
instruction counts are compared as they are. Exit code 1 when something got worse.
"""

import glob
import json
import os
import re
import sys

# How much worse a figure may be before it counts: speeds as ratios, recall absolute, the rest relative.
SPEED, RECALL, EXACT = 0.20, 0.01, 0.03


def read_lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def read_kernels(prefix):
    """{"l2sq_f32 768": instructions}"""
    counts = {}
    for path in glob.glob(prefix + ".*"):
        text = open(path).read()
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
        total = re.search(r"^totals: (\d+)", text, re.M)
        if name and total:
            counts[name.group(1)] = int(total.group(1))
    return counts


def median(values):
    values = sorted(values)
    return values[len(values) // 2] if values else None


def short(what):
    """ "COPY TO text, vector(128), 20000 rows of NAME" without the set, which is always the same."""
    return re.sub(r", (\d+ rows of )?synthetic.*| \(\d+ x \d+\)", "", what)


def figures_of(lines):
    """{metric: {"kind": ..., "rounds": {system: [value, ...]}}}; of "speed" more is better."""
    figures = {}

    def put(metric, kind, system, rounds):
        figures.setdefault(metric, {"kind": kind, "rounds": {}})["rounds"][system] = rounds

    for line in lines:
        phase, system = line["phase"], line.get("system")
        if phase == "ground":
            for member, seconds in line.items():
                if member.endswith("_seconds"):
                    put(short(line["what"]), "speed", member[: -len("_seconds")], [1 / s for s in seconds])
        elif phase == "build" and "failure" not in line and line["seconds"] > 0:
            put("build", "speed", system, [1 / s for s in line["seconds_rounds"]])
            put("index bytes per row", "less", system, [line["index_bytes"] / line["rows"]])
        elif phase == "query":
            step = "none" if system == "exact" else "%s=%d" % (line["setting"], line["value"])
            put("queries, " + step, "speed", system, line["qps_rounds"])
            put("recall, " + step, "recall", system, [line["recall"]])
        elif phase == "insert":
            put("insert, " + line["way"], "speed", system, line["rows_per_second_rounds"])
            put("WAL bytes per row, " + line["way"], "less", system, line["wal_bytes_per_row_rounds"])
    return figures


def worse(metric, now, then):
    """Says how this run is worse than the committed one in this metric, or returns None."""
    kind = now["kind"]
    if kind in ("speed", "less"):
        for reference in ("pgvector", "yardstick"):
            a, b = now["ratios"].get(reference), then["ratios"].get(reference)
            if a and b:
                if kind == "speed" and a < b * (1 - SPEED):
                    return "%.2f of %s, was %.2f" % (a, reference, b)
                break
        if kind == "less" and now["value"] > then["value"] * (1 + 2 * EXACT):
            return "%.0f, was %.0f" % (now["value"], then["value"])
    elif kind == "recall" and now["value"] < then["value"] - RECALL:
        return "%.4f, was %.4f" % (now["value"], then["value"])
    elif kind == "instructions" and now["value"] > then["value"] * (1 + EXACT):
        return "%d, was %d" % (now["value"], then["value"])
    return None


def summarise(lines, kernels):
    figures = figures_of(lines)
    yardstick = median(figures.get("queries, none", {"rounds": {}})["rounds"].get("exact", []))
    summary = {}
    for metric, figure in figures.items():
        rounds, kind = figure["rounds"], figure["kind"]
        if "vecx" not in rounds:
            continue
        entry = {"kind": kind, "value": median(rounds["vecx"]), "ratios": {}}
        if "pgvector" in rounds and kind == "recall":
            entry["reference"] = median(rounds["pgvector"])
        elif "pgvector" in rounds:
            # Round by round, so that a slow minute meets both.
            entry["ratios"]["pgvector"] = median(a / b for a, b in zip(rounds["vecx"], rounds["pgvector"]))
        if kind == "speed" and yardstick:
            entry["ratios"]["yardstick"] = entry["value"] / yardstick
        summary[metric] = entry
    for name, count in kernels.items():
        summary["kernel " + name] = {"kind": "instructions", "value": count, "ratios": {}}
    return summary


def show(metric, entry, then):
    value, kind = entry["value"], entry["kind"]
    text = "%12.4f" % value if kind == "recall" else "%12.1f" % value
    ratio = entry["ratios"].get("pgvector")
    against = "%8.2fx" % ratio if ratio else "%9.4f" % entry["reference"] if "reference" in entry else " " * 9
    before = ""
    if then:
        old = then["ratios"].get("pgvector") if ratio else None
        before = "%8.2fx" % old if old else "%9.4g" % then["value"] if kind != "speed" else ""
    print("%-36s %s %s %9s" % (metric, text, against, before), end="")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--save"]
    results, prefix, baseline = arguments
    summary = summarise(read_lines(results), read_kernels(prefix))
    if not any(entry["kind"] == "speed" for entry in summary.values()):
        sys.exit("bench-quick: no figures of vecx in " + results)
    committed = {}
    if os.path.exists(baseline):
        committed = json.load(open(baseline))
    order = {"speed": 0, "recall": 1, "less": 2, "instructions": 3}
    print("%-36s %12s %9s %9s" % ("speeds in 1/s, bytes, instructions", "vecx", "/pgvector", "committed"))
    complaints = []
    for metric, entry in sorted(summary.items(), key=lambda item: (order[item[1]["kind"]], item[0])):
        then = committed.get(metric)
        show(metric, entry, then)
        complaint = worse(metric, entry, then) if then else None
        if complaint:
            complaints.append("%s: %s" % (metric, complaint))
        print("  WORSE" if complaint else "")
    for metric in sorted(set(committed) - set(summary)):
        if committed[metric]["kind"] != "instructions":
            complaints.append("%s: not measured any more" % metric)
    if "--save" in sys.argv:
        with open(baseline, "w") as file:
            json.dump(summary, file, indent=1, sort_keys=True)
            file.write("\n")
        print("saved as", baseline)
        return
    if not committed:
        print("nothing committed to compare with (BENCH_SAVE=1 keeps this run)")
    for complaint in complaints:
        print("REGRESSION", complaint)
    if complaints:
        sys.exit(1)
    print("no regression")


main()
