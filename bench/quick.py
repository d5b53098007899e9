"""The regression guard: prints this run's figures as ratios and compares them with the committed run.

quick.py RESULTS KERNELS BASELINE [--save]
  RESULTS   JSON lines of vecx-bench (ground, build, query, insert), of the made set or of some real ones
  KERNELS   prefix of callgrind's dumps (KERNELS.1, ...), one per kernel; may be absent
  BASELINE  the committed figures; --save writes this run's there instead of comparing

Times differ from machine to machine and from minute to minute, so what is compared are ratios within
one run: to pgvector when both runs have it, else to the driver's own brute force. A ratio counts as worse
when its better quartile of rounds is worse than the committed median by more than the tolerance. Recall,
bytes and instruction counts are compared as they are. Exit code 1 when something got worse.
"""

import glob
import json
import os
import re
import sys

# How much worse a figure may be before it counts. Wall-clock ratios need room on a shared machine, the
# backends' processor time less; recall is absolute.
SPEED, CPU, RECALL, BYTES, INSTRUCTIONS = 0.30, 0.15, 0.01, 0.05, 0.02


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


def with_set(line, metric):
    """The made set is always the same and is not named."""
    data_set = line.get("set", "synthetic")
    return metric if data_set.startswith("synthetic") else "%s: %s" % (data_set, metric)


def set_of(metric):
    return metric.split(": ")[0] if ": " in metric else ""


def figures_of(lines):
    """{metric: {"kind": ..., "rounds": {system: [value, ...]}}}; more is better for "speed" and "recall"."""
    figures = {}

    def put(metric, kind, system, rounds):
        metric = with_set(line, metric)
        figures.setdefault(metric, {"kind": kind, "rounds": {}})["rounds"][system] = rounds

    for line in lines:
        phase, system = line["phase"], line.get("system")
        if phase == "ground":
            for member, seconds in line.items():
                if member.endswith("_cpu_seconds"):
                    put("cpu, " + short(line["what"]), "cpu", member[: -len("_cpu_seconds")], seconds)
                elif member.endswith("_seconds"):
                    put(short(line["what"]), "speed", member[: -len("_seconds")], [1 / s for s in seconds])
        elif phase == "build" and "failure" not in line and line["seconds"] > 0:
            put("build", "speed", system, [1 / s for s in line["seconds_rounds"]])
            put("index bytes per row", "bytes", system, [line["index_bytes"] / line["rows"]])
        elif phase == "query":
            step = "none" if system == "exact" else "%s=%d" % (line["setting"], line["value"])
            put("queries, " + step, "speed", system, line["qps_rounds"])
            put("recall, " + step, "recall", system, [line["recall"]])
            put("cpu, queries, " + step, "cpu", system, line["cpu_us_rounds"])
        elif phase == "insert":
            put("insert, " + line["way"], "speed", system, line["rows_per_second_rounds"])
            put("cpu, insert, " + line["way"], "cpu", system, line["cpu_us_per_row_rounds"])
            put("WAL bytes per row, " + line["way"], "bytes", system, line["wal_bytes_per_row_rounds"])
    return figures


def worse(now, then):
    """Says how this run is worse than the committed one in this metric, or returns None."""
    kind, value, before = now["kind"], now["value"], then["value"]
    if kind in ("speed", "cpu"):
        reference = "pgvector" if "pgvector" in now["ratios"] and "pgvector" in then["ratios"] else "yardstick"
        a, b = now["good_ratios"].get(reference), then["ratios"].get(reference)
        if a and b and (a < b * (1 - SPEED) if kind == "speed" else a > b * (1 + CPU)):
            return "%.2f of %s even in its better rounds, was %.2f" % (a, reference, b)
    elif kind == "bytes" and value > before * (1 + BYTES):
        return "%.0f, was %.0f" % (value, before)
    elif kind == "recall" and value < before - RECALL:
        return "%.4f, was %.4f" % (value, before)
    elif kind == "instructions" and value > before * (1 + INSTRUCTIONS):
        return "%d, was %d" % (value, before)
    return None


def set_ratio(entry, reference, ratios):
    """The median, and the quartile on the good side: what a noisy run can be held to."""
    ratios = sorted(ratios)
    entry["ratios"][reference] = median(ratios)
    good = 3 * (len(ratios) - 1) // 4 if entry["kind"] == "speed" else (len(ratios) - 1) // 4
    entry["good_ratios"][reference] = ratios[good]


def summarise(lines, kernels):
    figures = figures_of(lines)
    summary = {}
    for metric, figure in figures.items():
        exact = ": ".join(filter(None, (set_of(metric), "queries, none")))
        yardstick = median(figures.get(exact, {"rounds": {}})["rounds"].get("exact", []))
        exact = ": ".join(filter(None, (set_of(metric), "cpu, queries, none")))
        yardstick_cpu = median(figures.get(exact, {"rounds": {}})["rounds"].get("exact", []))
        rounds, kind = figure["rounds"], figure["kind"]
        if not rounds.get("vecx") or not median(rounds["vecx"]):
            continue
        entry = {"kind": kind, "value": median(rounds["vecx"]), "ratios": {}, "good_ratios": {}}
        if "pgvector" in rounds and kind == "recall":
            entry["reference"] = median(rounds["pgvector"])
        elif rounds.get("pgvector"):
            # Round by round, so that a slow minute meets both.
            set_ratio(entry, "pgvector", [a / b for a, b in zip(rounds["vecx"], rounds["pgvector"])])
        if kind == "speed" and yardstick:
            set_ratio(entry, "yardstick", [a / yardstick for a in rounds["vecx"]])
        elif kind == "cpu" and yardstick_cpu:
            set_ratio(entry, "yardstick", [a / yardstick_cpu for a in rounds["vecx"]])
        summary[metric] = entry
    for name, count in kernels.items():
        summary["kernel " + name] = {"kind": "instructions", "value": count, "ratios": {}, "good_ratios": {}}
    return summary


def show(metric, entry, then):
    kind = entry["kind"]
    digits = {"recall": 4, "cpu": 4 if entry["value"] < 10 else 1, "instructions": 0, "bytes": 0}.get(kind, 1)
    ratio = entry["ratios"].get("pgvector")
    against = "%.2fx" % ratio if ratio else "%.4f" % entry["reference"] if "reference" in entry else ""
    before = ""
    if then:
        old = then["ratios"].get("pgvector")
        before = "%.2fx" % old if ratio and old else "%.*f" % (digits, then["value"]) if kind != "speed" else ""
    print("%-46s %12.*f %10s %10s" % (metric, digits, entry["value"], against, before), end="")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--save"]
    results, prefix, baseline = arguments
    summary = summarise(read_lines(results), read_kernels(prefix))
    if not any(entry["kind"] == "speed" for entry in summary.values()):
        sys.exit("bench-quick: no figures of vecx in " + results)
    committed = {}
    if os.path.exists(baseline):
        committed = json.load(open(baseline))
    order = {"speed": 0, "cpu": 1, "recall": 2, "bytes": 3, "instructions": 4}
    print("%-46s %12s %10s %10s" % ("speed 1/s; cpu s or us; bytes; count", "vecx", "/pgvector", "committed"))
    complaints = []
    measured = {set_of(metric) for metric in summary}
    for metric, entry in sorted(summary.items(), key=lambda item: (order[item[1]["kind"]], item[0])):
        then = committed.get(metric)
        show(metric, entry, then)
        complaint = worse(entry, then) if then else None
        if complaint:
            complaints.append("%s: %s" % (metric, complaint))
        print("  WORSE" if complaint else "")
    for metric in sorted(set(committed) - set(summary)):
        if committed[metric]["kind"] != "instructions" and set_of(metric) in measured:
            complaints.append("%s: not measured any more" % metric)
    if "--save" in sys.argv:
        os.makedirs(os.path.dirname(baseline), exist_ok=True)
        with open(baseline, "w") as file:
            for entry in summary.values():
                entry.pop("good_ratios")
            # What other sets have been saved for stays.
            summary.update({metric: then for metric, then in committed.items() if set_of(metric) not in measured})
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
