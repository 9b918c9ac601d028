"""Connections, before and between their requests: how many there may be, how long one may
take to say what it wants, and how much it may send for that.

The protocol of uvicorn bounds none of it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import cast

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hermetic.errors import HermeticError
from hermetic.http.bodies import HAS_COME
from hermetic.http.problems import (
    HeadTooLarge,
    HeadTooSlow,
    MalformedRequest,
    TooManyConnections,
    problem_response,
)
from hermetic.measurements import Measurements

HEAD_BYTES = 64 * 1024
"""The most of a request's target and header fields; and of what is neither head nor body."""
_LINGER_SECONDS = 2.0
"""How long a connection is read on after its refusal: closed at once, it would be reset under
an answer that the client has not read yet (RFC 9112, section 9.6).
"""
_MOST_LINGERING = 100
_log = logging.getLogger("hermetic.http")


@dataclass
class ConnectionBounds:
    """What one service allows to its connections, together and each."""

    most: int
    head_wait_seconds: float
    measurements: Measurements
    lingering: set[Connection] = field(default_factory=set["Connection"])


def connection_class(bounds: ConnectionBounds) -> type[Connection]:
    """The protocol of a service's connections, for `uvicorn.Config(http=…)`."""
    return type("BoundedConnection", (Connection,), {"bounds": bounds})


class Connection(HttpToolsProtocol):
    """One connection. `bounds` is that of the class which `connection_class` makes.

    The time for a head begins with the connection, and with what comes first after an
    answer; in between, uvicorn's own time for idle connections counts. It ends with the
    head: bytes that come do not begin it anew.
    """

    bounds: ConnectionBounds
    _waits_for_head = True
    _stray_bytes = 0
    """What came since the last head, or the last part of a body."""
    _fault: HermeticError | None = None
    _head_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        if len(self.connections) < self.bounds.most:
            super().connection_made(transport)
            self._expect_head()
            return
        self.transport = transport
        if len(self.bounds.lingering) < _MOST_LINGERING:
            self._refuse(TooManyConnections("too many connections are open", retry_after_seconds=1))
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        self.bounds.lingering.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._linger_timer is not None or self.transport.is_closing():
            return
        self._stray_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._linger_timer is not None:
            return
        if self._stray_bytes > HEAD_BYTES:
            self._refuse(_head_too_large())
        elif self._answers_nothing():
            self._expect_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are dropped: nobody reads them, and they would look like the head's."""
        if self._waits_for_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES:
            self._fault = _head_too_large()
            raise self._fault
        self._waits_for_head = False
        self._stray_bytes = 0
        self._stop_head_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._stray_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._waits_for_head = True
        self._stray_bytes = 0
        cast("dict[str, object]", self.scope)[HAS_COME] = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser, or one of the callbacks above, gives up."""
        self._refuse(self._fault or MalformedRequest("this is not HTTP, or not as it should be"))

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: whoever asks for another protocol is answered in this one."""

    def _answers_nothing(self) -> bool:
        cycle = cast("object | None", self.cycle)
        return cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        if self._head_timer is None:
            seconds = self.bounds.head_wait_seconds
            self._head_timer = self.loop.call_later(seconds, self._give_up_on_head)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up_on_head(self) -> None:
        """Who has said nothing gets no answer, which would be taken for that to a request
        which is just being sent.
        """
        if self._waits_for_head and self._stray_bytes:
            seconds = self.bounds.head_wait_seconds
            self._refuse(HeadTooSlow(f"the head did not come whole in {seconds:g} seconds"))
        else:
            self.transport.abort()

    def _refuse(self, error: HermeticError) -> None:
        """Answer, unless that could be taken for the answer to another request; and close."""
        response = problem_response(error)
        self.bounds.measurements.requests.labels("other", "none", str(response.status_code)).inc()
        _log.info("refused", extra={"code": error.code, "status": response.status_code})
        self._stop_head_timer()
        self._unset_keepalive_if_required()
        if not self._may_answer():
            self.transport.close()
            return
        if not self._answers_nothing():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.connections.discard(self)
        self.transport.write(_as_sent(response))
        if len(self.bounds.lingering) >= _MOST_LINGERING:
            self.transport.close()
            return
        self.bounds.lingering.add(self)
        self._linger_timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
        self.transport.resume_reading()
        self.transport.write_eof()

    def _may_answer(self) -> bool:
        if self._answers_nothing():
            return self._waits_for_head
        return not self._waits_for_head and not self.cycle.response_started


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(f"the head has more than {HEAD_BYTES:,} bytes")


def _as_sent(response: Response) -> bytes:
    fields = [*response.raw_headers, (b"connection", b"close")]
    head = b"".join(b"%s: %s\r\n" % each for each in fields)
    return STATUS_LINE[response.status_code] + head + b"\r\n" + bytes(response.body)
