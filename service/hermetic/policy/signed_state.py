"""State that a caller keeps for us, and can neither change nor use for long.

For answers that ask something back: the protocol gives the state to the client, who
returns it with the answer. It is signed, not secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from hermetic.database import private_data_directory
from hermetic.errors import StateNotValid, StorageError

STATE_BYTES = 64 * 1024
"""The largest state that is looked at."""

_FILE = "state.key"
_KEY_BYTES = 32
_PURPOSE = b"hermetic signed state 1\0"


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


def sign_state(key: bytes, state: Mapping[str, Any], *, expires: float) -> str:
    """`state` is JSON; the text is fit for a URL. `expires` is in seconds since the epoch."""
    body = json.dumps({"state": dict(state), "expires": expires}, separators=(",", ":"))
    encoded = base64.urlsafe_b64encode(body.encode()).decode("ascii").rstrip("=")
    return f"{encoded}.{_signature(key, encoded)}"


def read_state(key: bytes, text: str, *, now: float) -> dict[str, Any]:
    """What was signed. Raises `StateNotValid`, without saying why."""
    encoded, _, signature = text.partition(".")
    if (
        len(text) <= STATE_BYTES
        and text.isascii()
        and hmac.compare_digest(_signature(key, encoded), signature)
    ):
        padded = encoded + "=" * (-len(encoded) % 4)
        body = cast("dict[str, Any]", json.loads(base64.urlsafe_b64decode(padded)))
        if body["expires"] > now:
            return body["state"]
    raise StateNotValid(
        "the state that came with this answer is not valid, or has expired",
        hint="Make the call again, without a state.",
    )


def _signature(key: bytes, encoded: str) -> str:
    return hmac.new(key, _PURPOSE + encoded.encode("ascii"), hashlib.sha256).hexdigest()


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
