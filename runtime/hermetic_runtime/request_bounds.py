"""How much one request may hold: the same for who checks it and for who receives it."""

from __future__ import annotations

from hermetic_runtime.limits import MIB

MOST_WORDS = 10_000
"""The most arguments, and the most environment variables."""
WORDS_BYTES = 1 * MIB
"""The most that arguments, or environment variables, may take together."""
FILENAME_BYTES = 4000
MOST_MOUNTS = 64
WORKSPACE_INDEX = MOST_MOUNTS
"""What /workspace has instead of the index of a mount, when it is no mount of the caller."""
MOST_FILES = 1000
"""The most files of /workspace that a report lists."""
FILE_NAMES_BYTES = 256 * 1024
"""The most that their paths may take together."""
