"""One run in a guest process, watched from outside until it reports or has to be ended."""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable
from contextlib import suppress

from hermetic_runtime import verdicts
from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import DrivenRun
from hermetic_runtime.input_source import InputSource
from hermetic_runtime.processes.channel import Channel
from hermetic_runtime.processes.collected_changes import CollectedChanges, TooMuchChanged
from hermetic_runtime.processes.endings import describe_end
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.launching import LaunchedProcess, ProcessEnd
from hermetic_runtime.processes.messages_from_guest import (
    Change,
    Failed,
    InputWanted,
    Output,
    Report,
)
from hermetic_runtime.processes.messages_to_guest import Input, InputEnd, Interrupt, Run
from hermetic_runtime.processes.protocol import Message
from hermetic_runtime.reported import Usage
from hermetic_runtime.requests import RunReport, RunRequest

GRACE_SECONDS = 0.2
"""How long a guest that was interrupted may take to end its run."""
GIVING_BACK_SECONDS = 30.0
"""How long the changes of writable mounts may take, once the run has ended."""
_END_SECONDS = 30.0
_LOSS_SECONDS = 0.5
_MOST_LOOKS = 8
"""A run that says more than most is a thread's to listen to."""
_DRAIN_RECEIVES = 64
"""More than the buffers of a socket hold."""


class OutputExceeded(Exception):
    """The guest process sent more output than the run may write."""


class Supervision:
    """The deadlines, the output, the input and the changes of one run; a `BegunRun`, once
    `begin` was called.
    """

    def __init__(
        self,
        channel: Channel,
        process: LaunchedProcess,
        request: RunRequest,
        output: CapturedOutput,
        source: InputSource,
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._channel = channel
        self._process = process
        self._request = request
        self._output = output
        self._source = source
        self._is_cancelled = is_cancelled
        self._changes = CollectedChanges(request.limits)
        self._poll = select.poll()
        self._input_wanted = False
        self._interrupted = False
        self._conversed = False
        self._failure: Exception | None = None
        self._looks = 0
        self._report: RunReport | None = None
        self._began = time.monotonic()
        self._deadline = self._began + request.limits.wall_seconds

    def begin(self) -> None:
        """Send the run."""
        self._channel.send(Run(self._request))

    def fileno(self) -> int:
        return self._channel.fileno()

    def look(self) -> bool:
        self._looks += 1
        try:
            self._react()
        except Exception as error:
            self._failure = error
        return self._report is not None and not self._has_more

    @property
    def needs_only_looks(self) -> bool:
        return not (
            self._failure
            or self._input_wanted
            or self._channel.has_outgoing
            or not self._channel.is_between_frames  # a large one takes long to understand
            or self._looks >= _MOST_LOOKS
            or self._has_more
        )

    @property
    def _has_more(self) -> bool:
        """Whether a run that has ended left displays, or files, which may have to be written."""
        report = self._report
        return report is not None and bool(report.displays or self._changes.begun)

    def finish(self) -> DrivenRun:
        try:
            report = self._watch()
        except KeyboardInterrupt:
            self._stop_softly()
            raise
        changes = self._changes.complete if self._report is not None else []
        return DrivenRun(report, changes, taken=self._conversed or not self._channel.left_unread)

    def _watch(self) -> RunReport:
        try:
            if self._failure is not None:
                raise self._failure
            while self._report is None:
                if time.monotonic() >= self._deadline and not self._reach_deadline():
                    return self._end_process(verdicts.killed_at_deadline, "wall_seconds")
                self._wait_and_react()
        except EOFError:
            return self._explain_loss()
        except OutputExceeded:
            return self._end_process(verdicts.wrote_too_much)
        except TooMuchChanged:
            return self._end_process(verdicts.changed_too_much)
        except ProtocolError as error:
            message = f"the guest process broke the protocol: {error.message}"
            return self._end_process(verdicts.crashed, "ProtocolError", message)
        if self._interrupted:
            return verdicts.timed_out(self._report, "wall_seconds")
        return self._report

    def _stop_softly(self) -> None:
        """Interrupt the guest and give it the grace to end, for what it still writes."""
        self._interrupt()
        try:
            while self._report is None and time.monotonic() < self._deadline:
                self._wait_and_react()
        except (EOFError, OutputExceeded, TooMuchChanged, ProtocolError):
            return

    def _reach_deadline(self) -> bool:
        """Whether the guest gets another chance to end by itself."""
        if self._interrupted:
            return False
        self._interrupt()
        return True

    def _interrupt(self) -> None:
        self._interrupted = self._conversed = True
        self._channel.send(Interrupt())
        self._deadline = time.monotonic() + GRACE_SECONDS

    def _wait_and_react(self) -> None:
        writable = select.POLLOUT if self._channel.has_outgoing else 0
        self._poll.register(self._channel, select.POLLIN | writable)
        left = max(0.0, self._deadline - time.monotonic())
        for descriptor, event in self._poll.poll(math.ceil(left * 1000)):
            if descriptor != self._channel.fileno():
                self._poll.unregister(descriptor)
                self._pass_input()
                continue
            if event & select.POLLOUT:
                self._channel.flush()
            if event & ~select.POLLOUT:
                self._react()

    def _react(self) -> None:
        for message in self._channel.receive():
            self._conversed = True
            self._obey(message)
            if self._report is not None:
                return

    def _obey(self, message: Message) -> None:
        match message:
            case Output(stream, data):
                if not self._output.add(stream, data):
                    raise OutputExceeded
            case InputWanted():
                self._want_input()
            case Change():
                if not self._changes.begun:
                    self._deadline = time.monotonic() + GIVING_BACK_SECONDS
                self._changes.add(message)
            case Report(report):
                self._changes.end()
                self._report = report
            case Failed():
                raise ProtocolError(f"the guest process failed: {message.message}")
            case _:
                raise ProtocolError(f"{type(message).__name__} while a run is under way")

    def _want_input(self) -> None:
        if self._input_wanted:
            raise ProtocolError("input was asked for twice")
        self._input_wanted = True
        descriptor = self._source.fileno()
        if descriptor is None:
            self._pass_input()
        else:
            self._poll.register(descriptor, select.POLLIN)

    def _pass_input(self) -> None:
        self._input_wanted = False
        data = self._source.read()
        self._channel.send(Input(data) if data else InputEnd())

    def _end_process(self, verdict: Callable[..., RunReport], *facts: str) -> RunReport:
        """Kill, keep the output that was on its way, and say why."""
        self._process.kill()
        end = self._process.wait(_END_SECONDS)
        self._drain()
        return verdict(*facts, self._usage(end))

    def _drain(self) -> None:
        with suppress(EOFError, ProtocolError):
            for _ in range(_DRAIN_RECEIVES):
                for message in self._channel.receive():
                    if isinstance(message, Output) and not self._output.add(
                        message.stream, message.data
                    ):
                        return

    def _explain_loss(self) -> RunReport:
        """The process ended, or closed its socket, which comes to the same."""
        end = self._process.wait(_LOSS_SECONDS)
        if end is None:
            self._process.kill()
            end = self._process.wait(_END_SECONDS)
        usage = self._usage(end)
        if self._is_cancelled():
            return verdicts.cancelled(usage)
        description = describe_end(end)
        if description.limit is not None:
            return verdicts.killed_at_deadline(description.limit, usage)
        return verdicts.crashed(description.kind, description.message, usage)

    def _usage(self, end: ProcessEnd | None) -> Usage:
        """Of the whole process, since the guest did not say what this run used."""
        wall = time.monotonic() - self._began
        if end is None:
            return Usage(wall_seconds=wall)
        return Usage(
            wall_seconds=wall,
            cpu_seconds=end.cpu_seconds,
            peak_memory_bytes=end.peak_memory_bytes,
        )
