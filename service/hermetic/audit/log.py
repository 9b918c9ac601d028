"""The audit log as files: one JSON object a line, each with the hash of the line before.

Several processes may write to one log: the file `audit.lock` says whose turn it is. The
files (*segments*) are numbered, are only ever appended to, and are never removed by us.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from hermetic.audit.records import Record
from hermetic.errors import AuditUnavailable, StorageError

FIRST_HASH = "0" * 64
"""What the first record of all gives as the hash of the one before."""
SEGMENT_BYTES = 64 * 1024 * 1024

_LOCK = "audit.lock"
_SEGMENT = re.compile(r"audit-(\d{8})\.jsonl")
_TAIL_BYTES = 64 * 1024
_log = logging.getLogger("hermetic.audit")


def segments(directory: Path) -> list[Path]:
    """The files of a log, the oldest first."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return [directory / name for name in sorted(names) if _SEGMENT.fullmatch(name)]


def private_log_directory(directory: Path) -> None:
    """Make the folder of a log, in a data folder that is made as private as it is.

    Raises `StorageError`.
    """
    from hermetic.database import private_data_directory

    private_data_directory(directory.parent)
    private_data_directory(directory)


def line_hash(line: bytes) -> str:
    """SHA-256 of a record as it is written, without the end of its line."""
    return hashlib.sha256(line).hexdigest()


class AuditLog:
    """The log in one directory. Any thread may write."""

    def __init__(
        self, directory: Path, *, segment_bytes: int = SEGMENT_BYTES, fsync: bool = False
    ) -> None:
        """`directory`, and the one that it is in, are private to the user, and made by the
        first record.

        A segment that has `segment_bytes` is followed by a new one. Without `fsync` a record
        outlives this process at once, and a loss of power after some seconds.
        """
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._fsync = fsync
        self._turn = threading.Lock()
        self._lock_file: int | None = None
        self._segment: int | None = None
        self._number = 0
        self._end = -1
        self._sequence = 0
        self._hash = FIRST_HASH
        self._owed: tuple[Record, ...] = ()

    def write(self, *records: Record) -> None:
        """Append all of them, or none, after those that are owed. Raises `AuditUnavailable`."""
        with self._turn:
            try:
                with self._locked():
                    self._append(self._owed + records)
                    self._owed = ()
            except OSError as error:
                self._forget_segment()
                raise AuditUnavailable(
                    f"the audit log can't be written: {error.strerror or error}",
                    hint=f"Calls are refused until there is room in {self._directory}.",
                ) from error
            except StorageError as error:
                self._forget_segment()
                raise AuditUnavailable(
                    f"the audit log can't be written: {error.message}", hint=error.hint
                ) from error

    def write_or_owe(self, record: Record) -> None:
        """For what has happened already. When it can't be written it is kept in memory, and
        nothing else is written before it: so until then, no call is admitted.
        """
        try:
            self.write(record)
        except AuditUnavailable as error:
            _log.error("a record could not be written yet", extra={"why": error.message})
            with self._turn:
                self._owed += (record,)

    def close(self) -> None:
        """What is owed is tried once more, and logged as lost when that fails."""
        if self._owed:
            try:
                self.write()
            except AuditUnavailable as error:
                _log.error("records are lost", extra={"records": self._owed, "why": error.message})
        with self._turn:
            self._forget_segment()
            if self._lock_file is not None:
                os.close(self._lock_file)
                self._lock_file = None

    @contextmanager
    def _locked(self) -> Generator[None]:
        if self._lock_file is None:
            private_log_directory(self._directory)
            self._lock_file = _open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _append(self, records: tuple[Record, ...]) -> None:
        segment = self._current_segment()
        sequence, previous = self._sequence, self._hash
        lines: list[bytes] = []
        for record in records:
            sequence += 1
            chained = {"sequence": sequence, **record, "previous": previous}
            line = json.dumps(chained, separators=(",", ":")).encode("ascii")
            previous = line_hash(line)
            lines.append(line + b"\n")
        data = b"".join(lines)
        if self._end > 0 and self._end + len(data) > self._segment_bytes:
            segment = self._start_segment(self._number + 1)
        try:
            written = os.write(segment, data)
            if written < len(data):
                os.write(segment, data[written:])
            if self._fsync:
                os.fsync(segment)
        except OSError:
            os.ftruncate(segment, self._end)
            raise
        if os.fstat(segment).st_size != self._end + len(data):
            os.ftruncate(segment, self._end)
            raise OSError("a part of a record was lost")
        self._end += len(data)
        self._sequence, self._hash = sequence, previous

    def _current_segment(self) -> int:
        """The last segment, read again where another process wrote to it."""
        if self._segment is not None:
            status = os.fstat(self._segment)
            followed = (self._directory / _name(self._number + 1)).exists()
            if status.st_nlink and not followed and status.st_size == self._end:
                return self._segment
        found = segments(self._directory)
        last = found[-1] if found else None
        number = int(last.name[6:14]) if last else 1
        segment = self._start_segment(number)
        tail = _last_line(segment)
        if tail is None and len(found) > 1:
            before = _open(found[-2], os.O_RDONLY)
            try:
                tail = _last_line(before)
            finally:
                os.close(before)
        if tail is not None:
            self._sequence = _sequence_of(tail, found[-1])
            self._hash = line_hash(tail)
        return segment

    def _start_segment(self, number: int) -> int:
        self._forget_segment()
        path = self._directory / _name(number)
        self._segment = _open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._number = number
        self._end = _whole_lines(self._segment, path)
        return self._segment

    def _forget_segment(self) -> None:
        if self._segment is not None:
            os.close(self._segment)
            self._segment = None


def _name(number: int) -> str:
    return f"audit-{number:08}.jsonl"


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _whole_lines(segment: int, path: Path) -> int:
    """Cut off the beginning of a record that was being written when its process ended.

    No call was admitted by it: admission waits for the whole record. The size in bytes.
    """
    size = os.fstat(segment).st_size
    end = size
    while end:
        start = max(0, end - _TAIL_BYTES)
        newline = os.pread(segment, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        _log.error("a record was cut short", extra={"file": str(path), "bytes": size - end})
        os.ftruncate(segment, end)
    return end


def _sequence_of(line: bytes, path: Path) -> int:
    try:
        return int(json.loads(line)["sequence"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StorageError(
            f"the end of {path} is no record",
            hint="`hermetic audit verify` says where; move the files away to begin a new log.",
        ) from error


def _last_line(segment: int) -> bytes | None:
    """Without its end; None of an empty file, all of whose lines are whole."""
    size = os.fstat(segment).st_size
    if not size:
        return None
    start, tail = size - 1, b""
    while start:
        begin = max(0, start - _TAIL_BYTES)
        tail = os.pread(segment, start - begin, begin) + tail
        start = begin
        newline = tail.rfind(b"\n")
        if newline >= 0:
            return tail[newline + 1 :]
    return tail
