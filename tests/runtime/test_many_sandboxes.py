"""A thousand guests at once."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hermetic_runtime.sandbox import Sandbox

SANDBOXES = 1000
DESCRIPTORS = 16_000
MOST_BYTES_EACH = 8 * 1024 * 1024


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        pytest.fail(f"this test needs {DESCRIPTORS:,} descriptors, and {hard:,} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def private_bytes() -> int:
    """Anonymous memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_thousand_live_sandboxes_keep_to_themselves(
    many_descriptors: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(Sandbox(isolation="shared"))
        first.run("number = -1")
        before = private_bytes()
        sandboxes = [stack.enter_context(Sandbox(isolation="shared")) for _ in range(SANDBOXES)]
        for number, sandbox in enumerate(sandboxes):
            sandbox.run(f"number = {number}")
        each = (private_bytes() - before) / SANDBOXES

        numbers = [sandbox.run("number").value for sandbox in sandboxes]

        assert [value.json for value in numbers if value] == list(range(SANDBOXES))
        assert each < MOST_BYTES_EACH
        with capsys.disabled():
            print(f"\n{SANDBOXES:,} live sandboxes, {each / 2**20:.2f} MiB each")
