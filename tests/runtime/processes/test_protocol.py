"""Frames as they are sent, and every way in which they may be wrong."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetic_runtime.kernel.overlay import Change as FileChange
from hermetic_runtime.kernel.overlay import ChangeKind
from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.messages_from_guest import (
    Change,
    Failed,
    InputWanted,
    Output,
    Ready,
    Report,
    from_guest,
    report_frame_bytes,
)
from hermetic_runtime.processes.messages_to_guest import (
    CHUNK_BYTES,
    TO_GUEST,
    GuestMountPoint,
    Input,
    InputEnd,
    Interrupt,
    Rehearse,
    Run,
    Start,
)
from hermetic_runtime.processes.protocol import FrameDecoder, Message, encode
from hermetic_runtime.processes.zygote_messages import (
    FROM_ZYGOTE,
    TO_ZYGOTE,
    Exited,
    Spawn,
    Spawned,
)
from hermetic_runtime.reported import Display, Outcome, RunError, Usage, Value, WorkspaceFile
from hermetic_runtime.requests import RunReport, RunRequest

LIMITS = Limits(value_bytes=1000, display_bytes=1000, fuel=5)
FULL_REPORT = RunReport(
    outcome=Outcome.ERROR,
    exit_code=3,
    value=Value("[1]", [1, 2**200, None, "é", {"a": 1.5}], is_json=True),
    displays=(Display({"text/html": "<b>"}),),
    displays_omitted=2,
    files=(WorkspaceFile("d/é", 2**40),),
    files_omitted=4,
    error=RunError("KeyError", "'a'", "Traceback…\n", "open_files"),
    usage=Usage(1.5, 0.25, 7, 8, 9, 10),
    stdout_truncated=True,
    stderr_truncated=True,
    alive=False,
)

MESSAGES_TO_GUEST: list[Message] = [
    Start(LIMITS, {"A": "b", "C": "\udcff"}, (GuestMountPoint("/data", True),), keep_files=True),
    Start(LIMITS, {}, (), wakes=True, state_limits=LIMITS),
    Run(RunRequest(b"x\0\xff", "a.py", ("-v", "é"), LIMITS, final=True, capture_value=False)),
    Input(b"abc"),
    InputEnd(),
    Rehearse(),
    Interrupt(),
]
FROM_GUEST: list[Message] = [
    Ready(0.25, "pyodide"),
    Failed("preparation", "broken"),
    Output("stderr", b"\xff\0"),
    InputWanted(),
    Change(3, FileChange(b"a/\xff", ChangeKind.FILE, b"data", 0o644), more=True),
    Report(FULL_REPORT),
    Report(RunReport(Outcome.OK)),
]
MESSAGES_TO_ZYGOTE: list[Message] = [Spawn(), Spawn(keeps_state=True, alone=True)]
MESSAGES_FROM_ZYGOTE: list[Message] = [
    Spawned(17),
    Exited(-9, 1.5, 10**9),
    Failed("internal", "no"),
]


def guest_decoder() -> FrameDecoder:
    return FrameDecoder(from_guest(LIMITS))


def packed(content: object) -> bytes:
    payload = msgpack.packb(content)
    assert payload is not None
    return payload


def frame(content: object) -> bytes:
    payload = packed(content)
    return len(payload).to_bytes(4, "big") + payload


def decode(data: bytes) -> list[Message]:
    return list(guest_decoder().feed(data))


@pytest.mark.parametrize(
    ("decoder", "messages"),
    [
        (FrameDecoder(TO_GUEST, unicode_errors="surrogateescape"), MESSAGES_TO_GUEST),
        (guest_decoder(), FROM_GUEST),
        (FrameDecoder(TO_ZYGOTE), MESSAGES_TO_ZYGOTE),
        (FrameDecoder(FROM_ZYGOTE), MESSAGES_FROM_ZYGOTE),
    ],
)
def test_every_message_arrives_as_it_was_sent(
    decoder: FrameDecoder, messages: list[Message]
) -> None:
    assert list(decoder.feed(b"".join(map(encode, messages)))) == messages


def test_frames_arrive_whole_however_they_are_cut() -> None:
    decoder = guest_decoder()
    stream = b"".join(map(encode, FROM_GUEST))

    received = [
        message
        for index in range(len(stream))
        for message in decoder.feed(stream[index : index + 1])
    ]

    assert received == FROM_GUEST


@given(st.binary(max_size=200))
def test_any_bytes_are_either_messages_or_refused(data: bytes) -> None:
    try:
        decode(data)
    except ProtocolError:
        pass


@given(
    st.recursive(
        st.none() | st.integers(-(2**63), 2**64 - 1) | st.binary() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from([message.kind() for message in FROM_GUEST]),
)
def test_any_content_is_either_a_message_or_refused(content: object, kind: int) -> None:
    try:
        decode(frame([kind, content]))
    except ProtocolError:
        pass


def test_a_message_for_the_other_side_is_refused() -> None:
    with pytest.raises(ProtocolError):
        decode(encode(Interrupt()))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ProtocolError):
        decode(frame([99, {}]))


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ProtocolError, match="unknown fields: 'extra'"):
        decode(frame([Output.kind(), {"stream": "stdout", "data": b"", "extra": 1}]))


def test_a_missing_field_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no field data"):
        decode(frame([Output.kind(), {"stream": "stdout"}]))


@pytest.mark.parametrize(
    "fields",
    [
        {"stream": "stdlog", "data": b""},
        {"stream": b"stdout", "data": b""},
        {"stream": "stdout", "data": "text"},
        {"stream": ["stdout"], "data": b""},
        {"stream": "stdout", "data": None},
        [],
        None,
    ],
)
def test_a_field_of_another_type_is_refused(fields: object) -> None:
    with pytest.raises(ProtocolError):
        decode(frame([Output.kind(), fields]))


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "1", True, None])
def test_a_time_that_is_no_time_is_refused(seconds: object) -> None:
    with pytest.raises(ProtocolError, match="seconds"):
        decode(frame([Ready.kind(), {"seconds": seconds, "interpreter": ""}]))


def test_a_frame_that_is_too_large_is_refused_by_its_first_six_bytes() -> None:
    claimed = (CHUNK_BYTES + 1000).to_bytes(4, "big")

    with pytest.raises(ProtocolError, match="may have"):
        decode(claimed + bytes([0x92, Output.kind()]))


def test_output_over_the_size_of_a_chunk_is_refused() -> None:
    with pytest.raises(ProtocolError, match="at most"):
        decode(encode(Output("stdout", bytes(CHUNK_BYTES + 1))))


def test_a_report_may_be_larger_where_values_may_be() -> None:
    large = Report(RunReport(Outcome.OK, value=Value("x" * (3 * 1024 * 1024))))

    with pytest.raises(ProtocolError):
        decode(encode(large))
    wide = FrameDecoder(from_guest(Limits(value_bytes=2 * 1024 * 1024)))
    assert list(wide.feed(encode(large))) == [large]


@pytest.mark.parametrize("path", ["", "/a", "a/../b", "a//b", "a\0", "x" * 300_000])
def test_a_report_with_a_file_that_has_no_plain_path_is_refused(path: str) -> None:
    report = FULL_REPORT._replace(files=(WorkspaceFile(path, 1),))

    with pytest.raises(ProtocolError):
        decode(encode(Report(report)))


def test_a_report_with_too_many_files_is_refused() -> None:
    report = FULL_REPORT._replace(files=(WorkspaceFile("a", 1),) * 1001)

    with pytest.raises(ProtocolError):
        decode(encode(Report(report)))


def test_the_bound_of_a_report_grows_with_value_bytes() -> None:
    assert report_frame_bytes(Limits(value_bytes=10**7)) > report_frame_bytes(LIMITS) + 10**7


def test_an_extension_type_is_refused() -> None:
    content = [Output.kind(), {"stream": "stdout", "data": msgpack.ExtType(4, b"x")}]
    with pytest.raises(ProtocolError, match="extension"):
        decode(frame(content))


def test_a_timestamp_is_refused() -> None:
    content = [Ready.kind(), {"seconds": msgpack.Timestamp(5), "interpreter": ""}]
    with pytest.raises(ProtocolError):
        decode(frame(content))


def test_text_that_is_not_utf8_is_refused_from_a_guest() -> None:
    payload = packed([Failed.kind(), {"code": "x", "message": b"?"}])
    payload = payload.replace(b"\xc4\x01?", b"\xa1\xff")
    with pytest.raises(ProtocolError, match="msgpack"):
        decode(len(payload).to_bytes(4, "big") + payload)


def test_deep_nesting_is_refused() -> None:
    payload = bytes([0x92, Output.kind()]) + b"\x91" * 10_000 + b"\xc0"
    with pytest.raises(ProtocolError):
        decode(len(payload).to_bytes(4, "big") + payload)


def test_a_forged_count_of_entries_is_refused() -> None:
    payload = bytes([0x92, Output.kind()]) + b"\xdf\xff\xff\xff\xff"
    with pytest.raises(ProtocolError):
        decode(len(payload).to_bytes(4, "big") + payload)


def test_bytes_after_the_message_in_a_frame_are_refused() -> None:
    payload = packed([InputWanted.kind(), {}]) + b"\xc0"
    with pytest.raises(ProtocolError):
        decode(len(payload).to_bytes(4, "big") + payload)


def test_an_outcome_that_does_not_exist_is_refused() -> None:
    fields = Report(FULL_REPORT).to_fields() | {"outcome": "fine"}
    with pytest.raises(ProtocolError, match="outcome"):
        decode(frame([Report.kind(), fields]))


def test_a_value_that_is_not_json_is_refused() -> None:
    fields = Report(RunReport(Outcome.OK)).to_fields() | {"value": {"repr": "", "json": "{"}}
    with pytest.raises(ProtocolError, match="JSON"):
        decode(frame([Report.kind(), fields]))


def test_a_value_too_deep_for_this_stack_is_kept_as_its_repr() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    fields = Report(RunReport(Outcome.OK)).to_fields() | {"value": {"repr": "[…]", "json": deep}}

    [report] = decode(frame([Report.kind(), fields]))

    assert report == Report(RunReport(Outcome.OK, value=Value("[…]")))


def test_limits_outside_their_range_are_refused() -> None:
    start = Start(LIMITS, {}, ())
    fields = start.to_fields()
    fields["limits"] = fields["limits"] | {"files": -1}
    with pytest.raises(ProtocolError, match="files"):
        list(FrameDecoder(TO_GUEST).feed(frame([Start.kind(), fields])))


def test_a_path_over_its_bound_is_refused() -> None:
    change = Change(0, FileChange(b"a" * 5000, ChangeKind.REMOVED), more=False)
    with pytest.raises(ProtocolError, match="path"):
        decode(encode(change))
