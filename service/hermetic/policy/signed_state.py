"""The key with which state is sealed that a caller keeps for us.

Where a protocol lets us ask something back, the state of the call goes to the client and
returns with the answer.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hermetic.database import private_data_directory
from hermetic.errors import StorageError

_FILE = "state.key"
_KEY_BYTES = 32


def signing_key(directory: Path) -> bytes:
    """The key of this data folder, made at the first call: 256 bits, readable to its user
    only. Raises `StorageError`.
    """
    path = private_data_directory(directory) / _FILE
    try:
        if not path.exists():
            _make_key(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            key = file.read(_KEY_BYTES + 1)
            exposed = os.fstat(descriptor).st_mode & 0o077
    except OSError as error:
        raise StorageError(f"the key {path} can't be used: {error.strerror}") from error
    if len(key) != _KEY_BYTES or exposed:
        raise StorageError(
            f"the key {path} is damaged, or others can read it",
            hint="Remove it; a new one is made, and states that were given out end.",
        )
    return key


def _make_key(path: Path) -> None:
    """Whole or not at all, and the first of several that try at once."""
    made = path.with_name(f"{_FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink()
