"""``python -m benchmarks COMMAND``: the same as ``ganrefine benchmark COMMAND``, and ``ganrefine evaluate``."""

import sys

from ganrefine import console

if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(console(given if given[:1] == ["evaluate"] else ["benchmark", *given]))
