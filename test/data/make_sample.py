#!/usr/bin/env python3
"""Makes packages.tsv.gz and queries.tsv.gz, the sample of the quick start and of the tests, from a larger
set of embedded Debian package descriptions (README.md says how that one was made).

    make_sample.py PACKAGES.tsv BASE.fvecs QUERIES.tsv QUERY.fvecs OUTDIR

PACKAGES.tsv has row, name, section, priority, installed size in KiB, maintainer, title and description;
QUERIES.tsv has query, row of its package, name, title; the .fvecs files have one vector for each of their
rows (int32 dimension, then float32s).  The result depends on nothing but these: no clock, no random numbers.
"""
import gzip
import math
import re
import struct
import sys
import zlib

PACKAGES = 5000
QUERIES = 50
DIMS = 192  # the leading ones of the embedding, which orders its dimensions by their weight
DESCRIPTION = 160

# Sections whose programs are taken whole, and those that fill up the number.
WHOLE = "games editors database web graphics video vcs math interpreters education shells news httpd".split()
FILL = "utils net science admin text sound mail".split()

# Parts of something else and libraries say little to a reader: programs are wanted.
PART = re.compile(
    r"(-(data|common|doc|dbg|dev|dbgsym|src|plugins?|locales?|examples|extras?|headless|perl|music|sounds?|maps?|"
    r"contrib|cli|core|bin|server-data|driver|i18n|udeb)|-(l10n|gtk|qt|theme|level|tools|utils|help|dict|lang)\b.*)$|"
    r"^(lib(?!reoffice)|golang-|python3?-|ruby-|r-|node-|elpa-|cl-|gap-|fonts-|hunspell-|aspell-|libreoffice-.+-|"
    r"postgresql-1|iceweasel-|mythes-|hyphen-|firefox-esr-|thunderbird-)"
)


def read_tsv(path):
    with open(path, encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def read_vectors(path, rows):
    """The leading DIMS of the given rows, of unit length again, in text form."""
    result = {}
    with open(path, "rb") as file:
        (dims,) = struct.unpack("<i", file.read(4))
        for row in rows:
            file.seek(row * 4 * (dims + 1) + 4)
            values = struct.unpack(f"<{DIMS}f", file.read(4 * DIMS))
            norm = math.sqrt(sum(v * v for v in values))
            result[row] = "[" + ",".join(short(v / norm) for v in values) + "]"
    return result


def short(value):
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return {"-0": "0", "": "0"}.get(text, text).replace("0.", ".", 1)


def shorten(text):
    if len(text) <= DESCRIPTION:
        return text
    return text[:DESCRIPTION].rsplit(" ", 1)[0].rstrip(" ,;:(") + " ..."


def write(path, header, rows):
    def field(text):
        return str(text).replace("\\", "\\\\")

    body = "".join("\t".join(map(field, row)) + "\n" for row in [header] + rows).encode("utf-8")
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(body)


def main(packages_path, base_path, queries_path, query_path, outdir):
    packages = read_tsv(packages_path)
    order = sorted(range(len(packages)), key=lambda row: zlib.crc32(packages[row][1].encode()))
    titles = set()
    chosen = []
    for sections in (WHOLE, FILL):
        for row in order:
            _, name, section, _, _, _, title, _ = packages[row]
            if len(chosen) < PACKAGES and section in sections and not PART.search(name) and title not in titles:
                titles.add(title)
                chosen.append(row)
    chosen.sort(key=lambda row: packages[row][1])

    vectors = read_vectors(base_path, chosen)
    rows = []
    for number, row in enumerate(chosen, 1):
        _, name, section, priority, size, maintainer, title, description = packages[row]
        rows.append([number, name, section, priority, size, maintainer, title, shorten(description), vectors[row]])
    columns = "id name section priority installed_size maintainer title description embedding".split()
    write(f"{outdir}/packages.tsv.gz", columns, rows)

    numbers = {row: number for number, row in enumerate(chosen, 1)}
    queries = [q for q in read_tsv(queries_path) if int(q[1]) in numbers][:QUERIES]
    vectors = read_vectors(query_path, [int(q[0]) for q in queries])
    rows = [[i, numbers[int(q[1])], q[3], vectors[int(q[0])]] for i, q in enumerate(queries, 1)]
    write(f"{outdir}/queries.tsv.gz", "id package_id title embedding".split(), rows)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
