"""The audit log: what is written, that it is whole, and what happens when it can't be."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from counters_in_memory import MemoryCounters
from stand_in_judges import Fixed, Limited, call_of, key_of

from hermetic.audit.index import AuditIndex
from hermetic.audit.log import FIRST_HASH, AuditLog, line_hash, segments
from hermetic.audit.verification import verify
from hermetic.errors import AuditUnavailable, PolicyDenied
from hermetic.policy.decisions import Verdict
from hermetic_runtime.reported import Outcome, Usage
from hermetic_runtime.results import RunResult

DONE = RunResult(Outcome.ERROR, usage=Usage(wall_seconds=2, cpu_seconds=1.5))


def record(number: int = 0, **fields: object) -> dict[str, object]:
    return {"event": "decided", "time": float(number), "grant": "g1", "tool": "run", **fields}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def log(directory: Path) -> Iterator[AuditLog]:
    log = AuditLog(directory)
    yield log
    log.close()


@pytest.fixture
def index(directory: Path) -> Iterator[AuditIndex]:
    index = AuditIndex(directory)
    yield index
    index.close()


def lines(directory: Path) -> list[bytes]:
    return [line for path in segments(directory) for line in path.read_bytes().splitlines()]


def test_an_admitted_call_is_written_with_what_it_may_and_what_it_did(gates):
    admission = gates.open(Limited()).admit(call_of(code="secret"))
    admission.carried_out(replace(DONE, package_set="abc123"))
    before, after = gates.records()
    assert (before["event"], after["event"]) == ("decided", "carried_out")
    assert before["call"] == after["call"] == admission.id
    assert (before["grant"], before["tool"], before["verdict"]) == ("g1", "run", "allow")
    assert (before["rule"], before["considered"]) == ("run.limit", [["run.limit", True]])
    assert before["limits"]["wall_seconds"] == 60
    assert before["policy"] == "p1"
    assert (after["outcome"], after["lock"]) == ("error", "abc123")
    assert after["usage"]["cpu_seconds"] == 1.5
    assert after["spent"]["runs"] == 1


def test_code_and_values_are_not_written(gates):
    gates.open(Fixed(Verdict.ALLOW, "because of secret")).admit(call_of(code="secret")).abandoned()
    assert not any(b"secret" in line for line in lines(gates.directory / "audit"))


def test_values_are_written_where_that_was_chosen(gates):
    gate = gates.open(Fixed(), audit_values=True)
    gate.admit(call_of(code="print(1)")).abandoned()
    assert gates.records()[0]["argument_values"] == {"code": "print(1)"}


def test_denials_are_written(gates):
    with pytest.raises(PolicyDenied):
        gates.open(Fixed(Verdict.DENY)).admit(call_of())
    [denial] = gates.records()
    assert (denial["verdict"], denial["rule"]) == ("deny", "the rule")


def test_abandoned_calls_are_written(gates):
    gates.open(Fixed()).admit(call_of()).abandoned("queue_full")
    assert gates.records()[-1] | {"event": "abandoned", "why": "queue_full"} == gates.records()[-1]


def test_equal_arguments_have_equal_hashes(gates):
    gate = gates.open(Fixed())
    several: tuple[dict[str, Any], ...] = ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1, "b": 3})
    for arguments in several:
        gate.admit(call_of(**arguments)).abandoned()
    one, same, other = (each["arguments"] for each in gates.records()[::2])
    assert one == same != other


def test_each_record_has_the_hash_of_the_one_before(log: AuditLog, directory: Path):
    for number in range(3):
        log.write(record(number))
    first, second, third = lines(directory)
    assert json.loads(first)["previous"] == FIRST_HASH
    assert json.loads(second)["previous"] == line_hash(first)
    assert json.loads(third)["previous"] == line_hash(second)
    assert [json.loads(line)["sequence"] for line in lines(directory)] == [1, 2, 3]


def test_the_chain_goes_on_after_a_restart(log: AuditLog, directory: Path):
    log.write(record())
    log.close()
    again = AuditLog(directory)
    again.write(record())
    again.close()
    assert verify(directory).records == 2
    assert verify(directory).problem is None


def test_a_full_file_is_followed_by_another(directory: Path):
    log = AuditLog(directory, segment_bytes=1000)
    for number in range(20):
        log.write(record(number))
    log.close()
    assert len(segments(directory)) > 2
    assert all(path.stat().st_size <= 1000 for path in segments(directory))
    assert verify(directory)[:2] == (20, 1)


def test_older_files_may_be_taken_away(directory: Path, index: AuditIndex):
    log = AuditLog(directory, segment_bytes=1000)
    for number in range(20):
        log.write(record(number))
    assert len(index.tail(100)) == 20
    segments(directory)[0].unlink()
    log.write(record(20))
    log.close()
    verified = verify(directory)
    assert verified.problem is None
    assert verified.first > 1
    assert len(index.tail(100)) == verified.records


def test_threads_and_logs_of_one_folder_write_one_chain(directory: Path):
    logs = [AuditLog(directory, segment_bytes=5000) for _ in range(3)]

    def write(log: AuditLog) -> None:
        for number in range(30):
            log.write(record(number))

    threads = [threading.Thread(target=write, args=(log,)) for log in logs * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()
    assert verify(directory)[:2] == (180, 1)


def test_processes_write_one_chain(directory: Path):
    program = (
        "import sys; from pathlib import Path; from hermetic.audit.log import AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]), segment_bytes=5000)\n"
        "for n in range(50): log.write({'event': 'decided', 'n': n})\n"
    )
    command = [sys.executable, "-c", program, str(directory)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert verify(directory)[:2] == (150, 1)


@pytest.mark.parametrize("change", ["alter", "remove", "swap", "insert", "garbage", "cut"])
def test_what_was_changed_is_found(log: AuditLog, directory: Path, change: str):
    for number in range(5):
        log.write(record(number))
    [path] = segments(directory)
    written = path.read_bytes().splitlines(keepends=True)
    match change:
        case "alter":
            written[2] = written[2].replace(b'"grant":"g1"', b'"grant":"g2"')
        case "remove":
            del written[2]
        case "swap":
            written[1], written[2] = written[2], written[1]
        case "insert":
            written.insert(2, written[2])
        case "garbage":
            written[2] = b"\xff\n"
        case _:
            written[4] = written[4][:-10]
    path.write_bytes(b"".join(written))
    problem = verify(directory).problem
    assert problem is not None
    assert problem.startswith("audit-00000001.jsonl:")


def test_a_missing_end_is_found_by_a_hash_that_was_noted(log: AuditLog, directory: Path):
    for number in range(5):
        log.write(record(number))
    noted = verify(directory).last_hash
    log.write(record(5))
    assert verify(directory, expected=noted).found
    [path] = segments(directory)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    assert verify(directory).problem is None
    assert not verify(directory, expected=noted).found


def test_a_record_that_was_cut_short_by_a_crash_is_not_built_upon(
    directory: Path, caplog: pytest.LogCaptureFixture
):
    log = AuditLog(directory)
    log.write(record(0))
    log.close()
    with segments(directory)[0].open("ab") as file:
        file.write(b'{"sequence":2,"ev')
    log = AuditLog(directory)
    log.write(record(1))
    log.close()
    assert verify(directory)[:2] == (2, 1)
    assert "a record was cut short" in caplog.text


@pytest.mark.parametrize("end", [b"\xff\n", b"[]\n", b'{"sequence":"x"}\n'])
def test_what_is_no_record_is_not_built_upon(directory: Path, end: bytes):
    directory.mkdir(mode=0o700)
    (directory / "audit-00000001.jsonl").write_bytes(end)
    log = AuditLog(directory)
    for _ in range(2):
        with pytest.raises(AuditUnavailable, match="is no record"):
            log.write(record())
    log.close()


def test_a_process_that_is_killed_leaves_a_chain_that_goes_on(directory: Path):
    program = (
        "import sys; from pathlib import Path; from hermetic.audit.log import AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]), segment_bytes=5000)\n"
        "while True: log.write({'event': 'decided'}); print(flush=True)\n"
    )
    command = [sys.executable, "-c", program, str(directory)]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(20):
                writer.stdout.readline()
            writer.kill()
    verified = verify(directory)
    assert verified.records >= 40
    assert verified.problem is None or "no record" in verified.problem
    log = AuditLog(directory)
    log.write(record())
    log.close()
    assert verify(directory).problem is None


@pytest.fixture
def full_disk(small_disk: Path) -> Path:
    """A folder on a disk that has no room left, and a file that takes it all."""
    folder = small_disk / "audit"
    folder.mkdir(mode=0o700)
    return folder


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 512, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return ballast


def test_calls_are_refused_while_the_disk_is_full(gates, full_disk: Path):
    log = gates.keep(AuditLog(full_disk))
    counters = MemoryCounters()
    gate = gates.open(Limited(), counters, audit=log, audit_values=True)
    gate.admit(call_of()).carried_out(DONE)
    ballast = fill(full_disk.parent)
    with pytest.raises(AuditUnavailable, match="No space left"):
        gate.admit(call_of(code="x" * 10_000))
    ballast.unlink()
    gate.admit(call_of()).carried_out(DONE)
    assert verify(full_disk)[:2] == (4, 1)
    key = key_of(call_of(), gates.now)
    assert counters.read([key]) == {key: 2}


class Broken(AuditLog):
    """A log whose files can't be written for a while."""

    broken = False

    def _append(self, records):
        if self.broken:
            raise OSError(28, "No space left on device")
        super()._append(records)


def test_what_a_call_did_is_written_later_where_it_can_not_be_at_once(gates):
    log = gates.keep(Broken(gates.directory / "audit"))
    gate = gates.open(Fixed(), audit=log)
    admission = gate.admit(call_of())
    log.broken = True
    admission.carried_out(DONE)
    with pytest.raises(AuditUnavailable):
        gate.admit(call_of())
    log.broken = False
    gate.admit(call_of()).abandoned()
    assert [each["event"] for each in gates.records()] == [
        "decided",
        "carried_out",
        "decided",
        "abandoned",
    ]


def test_what_is_still_owed_at_the_end_is_tried_again_and_logged(
    gates, caplog: pytest.LogCaptureFixture
):
    log = Broken(gates.directory / "audit")
    admission = gates.open(Fixed(), audit=log).admit(call_of())
    log.broken = True
    admission.carried_out(DONE)
    log.close()
    assert "records are lost" in caplog.text
    log.broken = False
    log.close()
    assert gates.records()[-1]["event"] == "carried_out"


def test_what_can_not_be_written_is_not_counted(gates):
    log = gates.keep(Broken(gates.directory / "audit"))
    log.broken = True
    counters = MemoryCounters()
    with pytest.raises(AuditUnavailable):
        gates.open(Limited(), counters, audit=log).admit(call_of())
    key = key_of(call_of(), gates.now)
    assert counters.read([key]) == {key: 0}


def test_the_log_is_private(log: AuditLog, directory: Path):
    log.write(record())
    assert all(path.stat().st_mode & 0o077 == 0 for path in [directory, *directory.iterdir()])


def test_the_last_records_are_found(log: AuditLog, index: AuditIndex):
    for number in range(5):
        log.write(record(number))
    assert [json.loads(line)["time"] for line in index.tail(2)] == [3, 4]
    log.write(record(5))
    assert [json.loads(line)["time"] for line in index.tail(2)] == [4, 5]


def test_the_records_of_one_call_are_found(log: AuditLog, index: AuditIndex):
    log.write(record(1, call="c1"), record(2, call="c2"), record(3, call="c1", approval="ap_1"))
    assert [json.loads(line)["time"] for line in index.of("c1")] == [1, 3]
    assert [json.loads(line)["time"] for line in index.of("ap_1")] == [3]


def test_records_are_exported_by_time_grant_and_tool(log: AuditLog, index: AuditIndex):
    log.write(*(record(number) for number in range(1200)), record(5, grant="g2", tool="other"))
    assert len(list(index.export())) == 1201
    assert len(list(index.export(since=10, until=20))) == 10
    assert len(list(index.export(grant="g2"))) == len(list(index.export(tool="other"))) == 1


def test_the_index_can_be_removed(log: AuditLog, directory: Path):
    log.write(record())
    for _ in range(2):
        index = AuditIndex(directory)
        assert len(index.tail(10)) == 1
        index.close()
        for path in directory.glob("audit-index*"):
            path.unlink()
