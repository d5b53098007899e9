"""Prints whether two runs agree (agreement.py); exit code 1 when a difference is not explained.

compare.py DIRECTORY DIRECTORY [SYSTEM...]   (make bench-compare A=current B=second)
  SYSTEM   whose ratios are compared (vecx, pgvector-ivfflat, hnswlib: all that both runs have)
"""

import os
import sys

from agreement import APART, compare, show, summary
from results import Results


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    pairs = compare(*(Results(os.path.join(path, "results.jsonl")) for path in sys.argv[1:3]), sys.argv[3:])
    print("%-14s %-16s %-34s %22s %22s %7s" % ("set", "system", "ratio to pgvector", "first run", "second run", "apart"))
    for pair in pairs:
        word = pair.verdict()
        print("%-14s %-16s %-34s %22s %22s %+6.1f%%%s" % (pair.data_set, pair.system, pair.what, show(pair.first), show(pair.second),
                                                          pair.apart() * 100, word and "  " + word))  # fmt: skip
    print(summary(pairs))
    sys.exit(any(pair.verdict() == APART for pair in pairs))


if __name__ == "__main__":
    main()
