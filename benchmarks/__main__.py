"""``python -m benchmarks COMMAND``: the same as ``ganrefine benchmark COMMAND``, and ``ganrefine evaluate``."""

import sys

from ganrefine import main

if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(given if given[:1] == ["evaluate"] else ["benchmark", *given]))
