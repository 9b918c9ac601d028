"""Approvals in a file: asked for, decided by a person, and used by one call.

What is to be approved has to be seen, so the arguments are kept until the approval is
used, denied or expired; then they are erased.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hermetic.approvals.approval import Approval, ApprovalState, Asked
from hermetic.errors import ApprovalSettled, NotAllowed, UnknownApproval
from hermetic.policy.decisions import Call
from hermetic.policy.fingerprints import argument_hash, canonical, fingerprint

if TYPE_CHECKING:
    import sqlite3

    from hermetic.database import Database

ARGUMENT_BYTES = 1024 * 1024
"""The largest arguments, as JSON, that a person can be asked to look at."""
PENDING_PER_GRANT = 100
KEPT_SECONDS = 30 * 86_400.0
"""How long after its expiry an approval that came to an end can still be shown."""

_ID_BYTES = 8
_TEXT_CHARACTERS = 1000
_FILE = "approvals.sqlite3"
_SCHEMA = """
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    grant_name TEXT NOT NULL,
    tool TEXT NOT NULL,
    rule TEXT NOT NULL,
    reason TEXT NOT NULL,
    argument_hash TEXT NOT NULL,
    arguments TEXT,
    state TEXT NOT NULL,
    asked REAL NOT NULL,
    expires REAL NOT NULL,
    decided REAL,
    decided_by TEXT,
    why TEXT
) STRICT;
CREATE INDEX approvals_by_fingerprint ON approvals (fingerprint, asked);
CREATE INDEX approvals_by_grant ON approvals (grant_id, state);
CREATE INDEX approvals_by_expiry ON approvals (state, expires);
"""
_ENDS = (ApprovalState.DENIED, ApprovalState.USED, ApprovalState.EXPIRED)
_COLUMNS = (
    "id, fingerprint, grant_id, grant_name, tool, rule, reason, argument_hash, arguments,"
    " state, asked, expires, decided, decided_by, why"
)


class ApprovalStore:
    """The approvals in one directory. Any thread and any process of the user may use it.

    Every method raises `StorageError` when the file can't be used.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._opening = threading.Lock()
        self._opened: Database | None = None

    def ask(self, call: Call, rule: str, reason: str, *, now: float, expires: float) -> Asked:
        """The question about this call, or the one that waits already.

        Raises `NotAllowed` when the arguments are larger than a person can be shown, or when
        `PENDING_PER_GRANT` questions of the grant wait.
        """
        arguments = canonical(dict(call.arguments))
        if len(arguments) > ARGUMENT_BYTES:
            raise NotAllowed(
                f"this call needs an approval, and its arguments are {len(arguments):,} bytes:"
                f" a person can be shown {ARGUMENT_BYTES:,}",
                hint="Pass less in the call itself, and large data as files.",
            )
        mark = fingerprint(call, rule)
        with self._database().transaction() as connection:
            _expire(connection, now)
            waiting = _newest(connection, mark)
            if waiting and waiting.state is ApprovalState.PENDING:
                return Asked(waiting, is_new=False)
            query = "SELECT count(*) FROM approvals WHERE grant_id = ? AND state = ?"
            owner = call.grant.id
            (pending,) = connection.execute(query, (owner, ApprovalState.PENDING)).fetchone()
            if pending >= PENDING_PER_GRANT:
                raise NotAllowed(
                    f"{pending} calls of this grant wait for an approval already",
                    hint="Have them approved or denied, or wait until they expire.",
                )
            approval = Approval(
                id=f"ap_{os.urandom(_ID_BYTES).hex()}",
                fingerprint=mark,
                grant_id=owner,
                grant_name=call.grant.name,
                tool=call.tool,
                rule=rule,
                reason=reason,
                argument_hash=argument_hash(call.arguments),
                arguments=arguments,
                state=ApprovalState.PENDING,
                asked=now,
                expires=expires,
                decided=None,
                decided_by=None,
                why=None,
            )
            marks = ", ".join("?" * len(approval))
            connection.execute(f"INSERT INTO approvals ({_COLUMNS}) VALUES ({marks})", approval)
        return Asked(approval, is_new=True)

    def use(
        self,
        call: Call,
        rule: str,
        *,
        now: float,
        approval: str | None = None,
        record: Callable[[Approval], None],
    ) -> Approval | None:
        """The approval of exactly this call, which is used up when it is `APPROVED`.

        With the id of an `approval`, that one only: None when it is of another call. Without,
        the newest of this call. None too when there is none that is still worth something.
        It is passed to `record` before it is used up, and is not when that raises.
        """
        mark = fingerprint(call, rule)
        with self._database().transaction() as connection:
            _expire(connection, now)
            found = _newest(connection, mark) if approval is None else _get(connection, approval)
            if found is None or found.fingerprint != mark:
                return None
            if found.state is ApprovalState.APPROVED:
                record(found)
                connection.execute(
                    "UPDATE approvals SET state = ?, arguments = NULL WHERE id = ?",
                    (ApprovalState.USED, found.id),
                )
            elif found.expires <= now or found.state is ApprovalState.USED:
                return None
            return found

    def decide(
        self,
        approval: str,
        state: ApprovalState,
        *,
        by: str,
        why: str,
        now: float,
        record: Callable[[Approval], None],
    ) -> Approval:
        """`APPROVED` or `DENIED`, by whom and why.

        It is passed to `record` before, and stays undecided when that raises. Raises
        `UnknownApproval`, and `ApprovalSettled` unless it is pending.
        """
        with self._database().transaction() as connection:
            _expire(connection, now)
            found = _get(connection, approval)
            if found is None:
                raise unknown_approval(approval)
            if found.state is not ApprovalState.PENDING:
                raise ApprovalSettled(
                    f"the approval {found.id} is {found.state} already",
                    hint="Whoever asked has to make the call again, which asks anew.",
                )
            connection.execute(
                "UPDATE approvals SET state = ?, decided = ?, decided_by = ?, why = ?,"
                " arguments = CASE WHEN ? THEN arguments END WHERE id = ?",
                (
                    state,
                    now,
                    by[:_TEXT_CHARACTERS],
                    why[:_TEXT_CHARACTERS],
                    state is ApprovalState.APPROVED,
                    found.id,
                ),
            )
            decided = _get(connection, approval)
            assert decided is not None
            record(decided)
        return decided

    def show(self, approval: str, *, now: float) -> Approval:
        """Raises `UnknownApproval`."""
        with self._database().transaction() as connection:
            _expire(connection, now)
            found = _get(connection, approval)
        if found is None:
            raise unknown_approval(approval)
        return found

    def list(self, *, now: float, settled: bool = False) -> list[Approval]:
        """Those that wait for a person, the oldest first; with `settled` the others too."""
        query = f"SELECT {_COLUMNS} FROM approvals WHERE ? OR state = ? ORDER BY asked, rowid"
        with self._database().transaction() as connection:
            _expire(connection, now)
            rows = connection.execute(query, (settled, ApprovalState.PENDING)).fetchall()
        return [_approval(row) for row in rows]

    def close(self) -> None:
        with self._opening:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _database(self) -> Database:
        with self._opening:
            if self._opened is None:
                from hermetic.database import Database, Schema

                self._opened = Database(self._directory, Schema(_FILE, 1, _SCHEMA))
            return self._opened


def _expire(connection: sqlite3.Connection, now: float) -> None:
    """And remove what expired long ago: the audit log keeps what was decided."""
    connection.execute(
        "DELETE FROM approvals WHERE state IN (?, ?, ?) AND expires <= ?",
        (*_ENDS, now - KEPT_SECONDS),
    )
    connection.execute(
        "UPDATE approvals SET state = ?, arguments = NULL WHERE state IN (?, ?) AND expires <= ?",
        (ApprovalState.EXPIRED, ApprovalState.PENDING, ApprovalState.APPROVED, now),
    )


def _newest(connection: sqlite3.Connection, mark: str) -> Approval | None:
    query = (
        f"SELECT {_COLUMNS} FROM approvals WHERE fingerprint = ?"
        " ORDER BY asked DESC, rowid DESC LIMIT 1"
    )
    row = connection.execute(query, (mark,)).fetchone()
    return _approval(row) if row else None


def _get(connection: sqlite3.Connection, approval: str) -> Approval | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM approvals WHERE id = ?", (approval,)
    ).fetchone()
    return _approval(row) if row else None


def _approval(row: tuple[object, ...]) -> Approval:
    found = Approval(*cast("tuple[Any, ...]", row))
    return found._replace(state=ApprovalState(found.state))


def unknown_approval(approval: str) -> UnknownApproval:
    """The error for an id that no approval has."""
    return UnknownApproval(
        f"there is no approval {approval[:60]!r}", hint="`hermetic approvals list` shows the ids."
    )
