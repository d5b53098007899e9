"""A report as Markdown and as HTML side by side, and what its plots share."""

import html
import os

import matplotlib

matplotlib.use("svg")
import matplotlib.ticker  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402  (the backend must be chosen first)

COLOURS = {
    "vecx": "#0b4f9e",
    "pgvector": "#c0392b",
    "pgvector-ivfflat": "#e59866",
    "hnswlib": "#333333",
    "faiss-hnsw": "#1e8449",
    "faiss-ivf": "#82c99a",
    "exact": "#999999",
}
SPARE_COLOURS = ["#7d3c98", "#b7950b", "#148f77", "#af7ac5", "#2e4053", "#d98880"]

plt.rcParams.update(
    {
        "font.size": 9,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "vecx",  # the same input gives the same file
        "savefig.bbox": "tight",
    }
)


def colour(system):
    if system not in COLOURS:
        COLOURS[system] = SPARE_COLOURS[len(COLOURS) % len(SPARE_COLOURS)]
    return COLOURS[system]


class Report:
    """Collects Markdown and HTML side by side."""

    def __init__(self, directory):
        self.directory = directory
        self.markdown = []
        self.html = []

    def heading(self, level, text):
        self.markdown.append("%s %s\n" % ("#" * level, text))
        self.html.append("<h%d>%s</h%d>" % (level, html.escape(text), level))

    def text(self, text):
        self.markdown.append(text + "\n")
        self.html.append("<p>%s</p>" % html.escape(text))

    def table(self, header, rows):
        self.markdown.append("| " + " | ".join(header) + " |")
        self.markdown.append("| --- |" + " ---: |" * (len(header) - 1))
        for row in rows:
            self.markdown.append("| " + " | ".join(row) + " |")
        self.markdown.append("")
        cells = lambda row, tag: "".join("<%s>%s</%s>" % (tag, html.escape(cell), tag) for cell in row)
        self.html.append("<table><tr>%s</tr>" % cells(header, "th"))
        self.html += ["<tr>%s</tr>" % cells(row, "td") for row in rows]
        self.html.append("</table>")

    def plot(self, figure, name, caption):
        path = os.path.join(self.directory, name + ".svg")
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
        with open(path) as file:
            svg = file.read()
        self.markdown.append("![%s](%s.svg)\n" % (caption, name))
        self.html.append(svg[svg.index("<svg") :])
        self.html.append("<p><em>%s</em></p>" % html.escape(caption))

    def write(self):
        with open(os.path.join(self.directory, "report.md"), "w") as file:
            file.write("\n".join(self.markdown))
        style = (
            "body{font:15px/1.45 sans-serif;max-width:72em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;"
            "margin:1em 0}td,th{padding:.2em .7em;border-bottom:1px solid #ccc;text-align:right}"
            "td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}"
        )
        with open(os.path.join(self.directory, "report.html"), "w") as file:
            file.write(
                "<!doctype html><html lang=en><meta charset=utf-8><title>vecx benchmark</title><style>%s</style>\n%s\n</html>\n"
                % (style, "\n".join(self.html))
            )


def panels(count, width=4.6, height=3.6):
    columns = min(2, count)
    rows = (count + columns - 1) // columns
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    flat = [axis for row in axes for axis in row]
    for axis in flat[count:]:
        axis.axis("off")
    return figure, flat


def plain_log(axis):
    """A logarithmic axis with numbers as people write them, and more of them when it spans little."""
    axis.axes.autoscale_view()
    low, high = sorted(axis.get_view_interval())
    steps = [1, 2, 5] if high / low < 15 else [1, 3] if high / low < 200 else [1]
    axis.set_major_locator(matplotlib.ticker.LogLocator(subs=steps))
    axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: "{:,g}".format(value)))
    axis.set_minor_locator(matplotlib.ticker.NullLocator())


def legend(figure, axes):
    """One legend for all panels, below them."""
    handles = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    if handles:
        figure.tight_layout()
        order = list(COLOURS)
        labels = sorted(handles, key=lambda label: order.index(label) if label in order else len(order))
        figure.legend(
            [handles[label] for label in labels], labels, loc="upper center", bbox_to_anchor=(0.5, 0), ncol=4, frameon=False
        )


def megabytes(value):
    return "%.1f" % (value / 1e6)
