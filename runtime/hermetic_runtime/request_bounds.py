"""How much one request may hold: the same for who checks it and for who receives it."""

from __future__ import annotations

from hermetic_runtime.limits import MIB

MOST_WORDS = 10_000
"""The most arguments, and the most environment variables."""
WORDS_BYTES = 1 * MIB
"""The most that arguments, or environment variables, may take together."""
FILENAME_BYTES = 4000
MOST_INPUTS = 1000
"""The most globals that a request may set."""
INPUTS_BYTES = 8 * MIB
"""The most that the inputs of a request may take as JSON."""
INPUTS_DEPTH = 100
"""How deep lists and objects may be nested in an input."""
MOST_GIVEN_FILES = 1000
"""The most files that a request may bring."""
FILES_BYTES = 32 * MIB
"""The most that the files of a request may hold together."""
FILE_PATH_BYTES = 1000
MOST_IMPORT_PATTERNS = 1000
"""The most patterns of what may be imported, and of what may not."""
IMPORT_PATTERNS_BYTES = 64 * 1024
"""The most characters, of one byte each, that those patterns may have together."""
WORKSPACE = "/workspace"
"""Where a guest starts."""
MOST_MOUNTS = 64
WORKSPACE_INDEX = MOST_MOUNTS
"""What /workspace has instead of the index of a mount, when it is no mount of the caller."""
MOST_FILES = 1000
"""The most files of /workspace that a report lists."""
FILE_NAMES_BYTES = 256 * 1024
"""The most that their paths may take together."""
