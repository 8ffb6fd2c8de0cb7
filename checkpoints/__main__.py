"""``python -m checkpoints COMMAND``: the same as ``ganrefine COMMAND``."""

import sys

from ganrefine import console

if __name__ == "__main__":
    sys.exit(console())
