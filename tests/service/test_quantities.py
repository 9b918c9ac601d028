"""Sizes and durations as people write and read them."""

from __future__ import annotations

import pytest

from hermetic.cli.quantities import format_seconds, format_size, parse_seconds, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("64M", 64 * 1024**2),
        ("64m", 64 * 1024**2),
        ("1.5G", 3 * 1024**3 // 2),
        ("512KiB", 512 * 1024),
        ("512kb", 512 * 1024),
        ("10B", 10),
    ],
)
def test_a_size_is_read(text: str, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1", "1e9", "64 M", "1T", "64MM", "٣", "9" * 400])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


def test_what_is_no_number_of_seconds_is_refused():
    with pytest.raises(ValueError, match="'soon' is not a number of seconds"):
        parse_seconds("soon")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (48 * 1024**2, "48 MiB"), (3 * 1024**3 // 2, "1.5 GiB")],
)
def test_a_size_is_written_for_people(size: int, text: str):
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0384, "38.4 ms"), (1, "1 s"), (1.5, "1.5 s"), (86400, "86400 s")]
)
def test_a_duration_is_written_for_people(seconds: float, text: str):
    assert format_seconds(seconds) == text
