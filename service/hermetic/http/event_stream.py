"""A run's events as server-sent events, which end the run when nobody listens any more."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hermetic.http.disconnects import wait_until_gone
from hermetic.http.problems import ServiceFault, problem_fields
from hermetic.orders import Displayed, Ended, OutputWritten, ProgressMade, RunEvent
from hermetic.submitted_run import SubmittedRun
from hermetic_runtime.errors import HermeticError

MEDIA_TYPE = "text/event-stream"
_QUIET_SECONDS = 15.0
"""After this long without an event a comment is sent, so that nobody takes the line for dead."""
_log = logging.getLogger("hermetic.http")


def encode_event(name: str, data: Any) -> bytes:
    """One event; JSON has no line breaks outside of texts, and in texts they are escaped."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode("ascii")


def run_event(event: RunEvent) -> bytes:
    """An event of a run as a server-sent event."""
    match event:
        case ProgressMade(step, fraction):
            return encode_event("progress", {"step": step, "fraction": fraction})
        case OutputWritten(stream, text):
            return encode_event(stream, {"text": text})
        case Displayed(display):
            return encode_event("display", {"data": display.data})
        case Ended(result):
            return encode_event("result", result.to_dict())


class EventStreamResponse(Response):
    """Of one run of which everything is followed."""

    media_type = MEDIA_TYPE

    def __init__(self, run: SubmittedRun) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(wait_until_gone(receive))
        sending = asyncio.create_task(self._send_all(send))
        try:
            await asyncio.wait([gone, sending], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            self._run.cancel()
            for task in (gone, sending):
                task.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await task

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for data in self._encoded():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _encoded(self) -> AsyncIterator[bytes]:
        events = self._run.events()
        following = asyncio.ensure_future(anext(events))
        try:
            while True:
                done, _ = await asyncio.wait([following], timeout=_QUIET_SECONDS)
                if not done:
                    yield b": still here\n\n"
                    continue
                try:
                    event = following.result()
                except StopAsyncIteration:
                    return
                except HermeticError as error:
                    yield encode_event("error", problem_fields(error))
                    return
                except Exception:
                    _log.exception("a run failed", extra={"run": self._run.id})
                    yield encode_event("error", problem_fields(ServiceFault()))
                    return
                yield run_event(event)
                following = asyncio.ensure_future(anext(events))
        finally:
            following.cancel()
