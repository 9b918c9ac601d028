"""Policy at a door: calls are admitted by the gate, and orders get what it allows."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from hermetic.errors import HermeticError
from hermetic.grants import LOCAL, Grant
from hermetic.measurements import Measurements
from hermetic.orders import RunOrder
from hermetic.policy.admission import Admission
from hermetic.policy.decisions import Allowance, Call, ImportRules
from hermetic.policy.gate import Gate
from hermetic.policy.gate_settings import GateSettings
from hermetic.policy.opening import open_gate
from hermetic.policy.policy_judge import PolicyJudge
from hermetic.policy.signed_state import signing_key
from hermetic.policy.source import PolicySource
from hermetic.settings import ServiceSettings
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult

REQUIRED_ARGUMENTS = frozenset({"code"})
"""Of the tool that runs code."""


class AdmittedOrder(NamedTuple):
    """An order within what its admission allows. Without policy there is no admission."""

    order: RunOrder
    admission: Admission | None = None


@dataclass(frozen=True, slots=True)
class EnforcedPolicy:
    """One policy file, as it is at the time of each call, with the gate that counts.

    `tool` is the name under which running code is judged. `state_key` signs what callers
    keep for us.
    """

    gate: Gate
    judge: Callable[[], PolicyJudge]
    tool: str
    state_key: bytes

    async def admit(
        self,
        grant: Grant,
        arguments: Mapping[str, Any],
        *,
        tool: str | None = None,
        required: frozenset[str] = REQUIRED_ARGUMENTS,
        approval: str | None = None,
    ) -> Admission:
        """A call of a tool, of the one that runs code unless it is named, with its arguments
        in JSON as they came.

        Raises what `Gate.admit` does. The admission has to be ended.
        """
        call = Call(tool=tool or self.tool, arguments=arguments, grant=grant, required=required)
        admitting = asyncio.ensure_future(
            asyncio.to_thread(self.gate.admit, call, approval=approval)
        )
        try:
            return await asyncio.shield(admitting)
        except asyncio.CancelledError:
            admitting.add_done_callback(_abandon_late)
            raise

    @asynccontextmanager
    async def judged(
        self,
        grant: Grant,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        required: frozenset[str] = frozenset(),
        approval: str | None = None,
    ) -> AsyncGenerator[Allowance]:
        """For a call that runs no code: what it is allowed. It counts unless it fails.

        Raises what `Gate.admit` does.
        """
        admission = await self.admit(
            grant, arguments, tool=tool, required=required, approval=approval
        )
        try:
            yield admission.decision.allowance
        except BaseException as error:
            await asyncio.to_thread(admission.abandoned, type(error).__name__)
            raise
        await asyncio.to_thread(admission.carried_out, RunResult(Outcome.OK))

    async def order(
        self,
        grant: Grant,
        arguments: Mapping[str, Any],
        make: Callable[[Allowance], RunOrder],
        *,
        approval: str | None = None,
    ) -> AdmittedOrder:
        """The order that `make` gives for what is allowed, within it.

        Raises what `admit` and `make` do; nothing is counted then.
        """
        admission = await self.admit(grant, arguments, approval=approval)
        allowance = admission.decision.allowance
        try:
            order = await asyncio.to_thread(make, allowance)
            return AdmittedOrder(within(order, allowance), admission)
        except BaseException as error:
            await asyncio.to_thread(admission.abandoned, type(error).__name__)
            raise

    def hides(self, grant: Grant, tool: str) -> bool:
        """Whether this grant is not to see that there is such a tool."""
        return self.judge().hides(tool, grant)


def kept_seconds(
    policy: EnforcedPolicy, grants: Callable[[str], Grant | None], most: float
) -> Callable[[str], float]:
    """How long sessions of a grant are kept, by its id: `most`, or less if policy says so."""

    def kept(owner: str) -> float:
        grant = LOCAL if owner == LOCAL.id else grants(owner)
        if grant is None:
            return most
        seconds = policy.judge().allowance("session_create", grant).sessions.keep_seconds
        return most if seconds is None else min(most, seconds)

    return kept


@contextmanager
def open_policy(
    path: Path,
    settings: GateSettings,
    *,
    tool: str,
    clock: Callable[[], float] = time.time,
    watch: bool = True,
    told: Callable[[HermeticError | None], None] | None = None,
) -> Generator[EnforcedPolicy]:
    """Enforce the policy in a file; with `watch`, as it changes, and `told` of each change.

    Raises `PolicyError`, `InvalidInput` and `StorageError`.
    """
    source = PolicySource(path, PolicyJudge.load, told=told)

    def current() -> PolicyJudge:
        judge = source.current()
        assert isinstance(judge, PolicyJudge)
        return judge

    with open_gate(settings, current, clock=clock) as gate, closing(source):
        if watch:
            source.watch()
        yield EnforcedPolicy(gate, current, tool, signing_key(settings.data_directory))


@contextmanager
def enforced(
    settings: ServiceSettings, measurements: Measurements | None = None
) -> Generator[EnforcedPolicy | None]:
    """The policy that the settings of a service name, watched; None if they name none.

    Raises what `open_policy` does.
    """
    if settings.policy is None:
        yield None
        return
    gate_settings = replace(GateSettings.read(os.environ), data_directory=settings.data_directory)
    told = measurements.policy_changed if measurements else None
    with open_policy(settings.policy, gate_settings, tool=settings.tool_name, told=told) as policy:
        yield policy


def within(order: RunOrder, allowance: Allowance) -> RunOrder:
    """The same order, bound by the rules for packages, imports and interpreters."""
    return replace(
        order,
        interpreters=allowance.interpreters,
        package_rules=allowance.packages,
        imports=bounding_imports(allowance),
    )


def bounding_imports(allowance: Allowance) -> ImportRules | None:
    """None where everything may be imported, which then costs a guest nothing."""
    return None if allowance.imports == ImportRules() else allowance.imports


def _abandon_late(admitting: asyncio.Future[Admission]) -> None:
    """Of a caller that went away while its call was judged."""
    if not admitting.cancelled() and admitting.exception() is None:
        admission = admitting.result()
        with suppress(RuntimeError):  # the loop is being closed
            asyncio.get_running_loop().run_in_executor(None, admission.abandoned, "gone")
