"""`python -m hermetic` is the command `hermetic`."""

from __future__ import annotations

import sys

from hermetic.cli import main

sys.exit(main())
