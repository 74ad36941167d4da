"""`python -m stemwise.cli`."""

from __future__ import annotations

import sys

from stemwise.cli import main

if __name__ == "__main__":
    sys.exit(main())
