"""A zygote that is worn out gives way to a new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from conditions import comes_true
from process_lists import await_gone, guest_side_processes

from hermetic_runtime.limits import MIB
from hermetic_runtime.processes import zygote_client
from hermetic_runtime.processes.zygote_process import ZygoteProcess
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sandbox import Sandbox


def test_a_zygote_that_forked_often_is_replaced_once_its_guests_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zygote_client, "MOST_LAUNCHES", 0)
    others = guest_side_processes()
    with Sandbox() as early:
        early.run("x = 20")
        first = guest_side_processes() - others
        with Sandbox() as late:
            assert late.run("1").outcome is Outcome.OK
        value = early.run("x + 1").value
    assert value is not None and value.json == 21
    assert Sandbox().run("1", final=True).outcome is Outcome.OK
    assert not await_gone(first)


def memory_of(pid: int, kind: str) -> int:
    """In bytes (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(status.partition(f"{kind}:")[2].split()[0])


def test_files_that_a_zygote_maps_are_not_memory_that_it_gathers() -> None:
    zygote = ZygoteProcess()

    assert comes_true(lambda: memory_of(zygote._pid, "RssFile") > 4 * MIB)
    assert comes_true(lambda: zygote.own_bytes() == memory_of(zygote._pid, "RssAnon"))

    zygote.close()


def test_what_a_zygote_that_has_ended_has_is_nothing() -> None:
    zygote = ZygoteProcess()
    zygote.close()
    assert zygote.own_bytes() == 0


def test_a_zygote_can_be_asked_for_its_last_words_after_it_was_closed() -> None:
    zygote = ZygoteProcess()
    zygote.close()
    assert zygote.last_words() == ""
