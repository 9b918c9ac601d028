"""Connections to a service, for what no HTTP client would send."""

from __future__ import annotations

import socket

from live_service import PATIENCE_SECONDS, LiveService


def connected(service: LiveService) -> socket.socket:
    host, _, port = service.url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)


def received(connection: socket.socket) -> str:
    """All that comes until the service closes the connection."""
    answer = b""
    try:
        while piece := connection.recv(65536):
            answer += piece
    except ConnectionResetError:
        return answer.decode()
    return answer.decode()


def sent(service: LiveService, request: str) -> str:
    """All that comes back for bytes as they are, until the service closes the connection."""
    with connected(service) as connection:
        connection.sendall(request.encode())
        return received(connection)
