"""`python -m jamd`."""

from __future__ import annotations

import sys

from jamd.cli import main

if __name__ == "__main__":
    sys.exit(main())
