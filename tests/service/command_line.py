"""How the tests start the command line."""

from __future__ import annotations

import sys

COMMAND = (sys.executable, "-m", "hermetic")
