"""``python -m checkpoints COMMAND``: the same as ``ganrefine COMMAND``."""

import sys

from ganrefine import main

if __name__ == "__main__":
    sys.exit(main())
