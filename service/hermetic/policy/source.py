"""A policy file that may change while calls are made."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from hermetic.errors import HermeticError, PolicyError
from hermetic.policy.judge import Judge

AnyJudge = TypeVar("AnyJudge", bound=Judge)
_log = logging.getLogger("hermetic.policy")
_LOOK_SECONDS = 1.0
"""How often the file is looked at even if no change of it was told of."""


class PolicySource(Generic[AnyJudge]):
    """The policy in a file, as it was when last it was valid.

    A change applies to the calls that begin after it. A file that is not valid any more
    changes nothing; it is logged as an error, and `problem` says why.
    """

    def __init__(
        self,
        path: Path,
        load: Callable[[Path], AnyJudge],
        *,
        told: Callable[[HermeticError | None], None] | None = None,
    ) -> None:
        """`load` is, for instance, `PolicyJudge.load`. `told` is called after each change of the
        file: with None when it applies, with the error when it does not.

        Raises what `load` raises: `PolicyError`.
        """
        self._path = path
        self._load = load
        self._told = told
        self._checking = threading.Lock()
        self._seen = _content_hash(path)
        self._judge = load(path)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = None
        """Why the file as it is now does not apply; None when it does."""

    def current(self) -> AnyJudge:
        """The policy for a call that begins now."""
        return self._judge

    def check(self) -> None:
        """Apply the file if it has changed. Raises nothing."""
        with self._checking:
            content = _content_hash(self._path)
            if content == self._seen:
                return
            self._seen = content
            try:
                self._judge = self._load(self._path)
            except HermeticError as error:
                self._keep_old(error)
            except Exception as error:
                _log.exception("loading a policy failed")
                self._keep_old(PolicyError(f"{self._path} can't be loaded: {error!r}"))
            else:
                self.problem = None
                _log.warning("policy applied", extra={"file": str(self._path)})
                if self._told is not None:
                    self._told(None)

    def watch(self) -> None:
        """From now until `close`, changes of the file are applied by a thread."""
        self._thread = threading.Thread(target=self._watch, name="policy file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when the file is not watched any more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        """Its folder is watched, because most programs replace a file that they change."""
        from watchfiles import watch

        while not self._stopping.is_set():
            try:
                for _ in watch(
                    self._path.absolute().parent,
                    watch_filter=None,
                    recursive=False,
                    stop_event=self._stopping,
                    rust_timeout=int(_LOOK_SECONDS * 1000),
                    yield_on_timeout=True,
                ):
                    self.check()
            except Exception:
                _log.exception("the policy's folder can't be watched")
                self.check()
                self._stopping.wait(_LOOK_SECONDS)

    def _keep_old(self, error: HermeticError) -> None:
        self.problem = error.message
        _log.error(
            "the policy file is not valid: the policy before it stays in force",
            extra={"file": str(self._path), "why": error.message},
        )
        if self._told is not None:
            self._told(error)


def _content_hash(path: Path) -> bytes | None:
    """None of a file that can't be read, which `load` will say more of."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
