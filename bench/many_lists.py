"""Rows for bench/many_lists.sql: 32 coordinates around 20,000 centres, the same every time, as COPY's text.

many_lists.py ROWS
"""

import random
import sys

CENTRES, DIMENSIONS, NOISE = 20000, 32, 65536


def main():
    source = random.Random(1)
    centres = [[source.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in range(CENTRES)]
    noise = [source.gauss(0, 0.3) for _ in range(NOISE)]
    for row in range(int(sys.argv[1])):
        centre, start = centres[source.randrange(CENTRES)], source.randrange(NOISE - DIMENSIONS)
        values = ",".join("%.4f" % (centre[i] + noise[start + i]) for i in range(DIMENSIONS))
        sys.stdout.write("%d\t[%s]\n" % (row, values))


if __name__ == "__main__":
    main()
