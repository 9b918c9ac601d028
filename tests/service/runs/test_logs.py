"""The log of a service, with a stderr that is read slowly, or by nobody."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from command_line import COMMAND
from live_service import PATIENCE_SECONDS, service_places

from hermetic.logs import JsonLines, LineWriter, log_event

_PAGE_BYTES = 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """One that holds a page of lines."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PAGE_BYTES)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def logger_to(handler: logging.Handler) -> logging.Logger:
    handler.setFormatter(JsonLines())
    logger = logging.Logger("test", logging.INFO)
    logger.addHandler(handler)
    return logger


def test_lines_come_in_order(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    logger = logger_to(LineWriter(writer))
    for number in range(5):
        logger.info("line", extra={"number": number})
    logger.info("last")
    with open(os.dup(reader)) as file:
        numbers = [json.loads(file.readline()).get("number") for _ in range(6)]
    assert numbers == [0, 1, 2, 3, 4, None]


def test_an_event_is_a_line_as_any_other(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    logger = logger_to(LineWriter(writer))
    logger.info("run", extra={"outcome": "ok"})
    log_event(logger, "run", outcome="ok")
    with open(os.dup(reader)) as file:
        usual, event = (json.loads(file.readline()) for _ in range(2))
    assert event | {"time": ""} == usual | {"time": ""}


def test_events_are_told_only_where_as_much_is_to_be_told(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    quiet = logging.Logger("quiet", logging.WARNING)
    quiet.addHandler(logger_to(LineWriter(writer)).handlers[0])
    log_event(quiet, "run")
    quiet.warning("last")
    with open(os.dup(reader)) as file:
        assert json.loads(file.readline())["message"] == "last"


def test_who_logs_does_not_wait_for_who_reads_and_what_is_dropped_is_told(
    pipe: tuple[int, int],
) -> None:
    reader, writer = pipe
    logger = logger_to(LineWriter(writer, most_lines=10))
    for _ in range(1000):
        logger.info("line")
    written = dropped = 0
    with open(os.dup(reader)) as file:
        while written + dropped < 1000:
            line = json.loads(file.readline())
            dropped += line.get("dropped", 0)
            written += line["message"] == "line"
    assert written + dropped == 1000
    assert dropped > 900


def test_flushing_does_not_wait_for_ever(pipe: tuple[int, int]) -> None:
    handler = LineWriter(pipe[1])
    logger = logger_to(handler)
    for _ in range(1000):
        logger.info("line")
    handler.flush()


def test_a_log_whose_reader_has_gone_is_no_accident() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    handler = LineWriter(writer)
    logger_to(handler).info("line")
    handler.flush()
    os.close(writer)


def test_a_service_answers_while_nobody_reads_its_log(prepared: None, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PAGE_BYTES)
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--no-key"],
        env=os.environ | service_places(tmp_path / "data"),
        stderr=writer,
    )
    os.close(writer)
    with open(reader) as log:
        try:
            url = next(line["url"] for line in map(json.loads, log) if "url" in line)
            with httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
                # Far more lines than the pipe and the buffers around it hold.
                statuses = {client.get("/healthz").status_code for _ in range(400)}
            assert statuses == {200}
            process.terminate()
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()
            process.wait()
