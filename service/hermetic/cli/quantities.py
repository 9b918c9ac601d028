"""Sizes and durations as people write them."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)([KMG]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def parse_size(text: str) -> int:
    """Bytes in `64M`, `1.5G`, `512KiB` or `4096`; units are powers of 1024.

    Raises `ValueError` for anything else.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 64M, 1G or 4096")
    number, unit = match.groups()
    return int(float(number) * _UNITS[unit.upper()])


def format_size(size: float) -> str:
    """A size in bytes for people: `48 MiB`, `1.5 GiB`."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"


def format_seconds(seconds: float) -> str:
    """A duration for people: `38 ms`, `1 s`, `90 s`."""
    return f"{seconds:.6g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def parse_seconds(text: str) -> float:
    """Raises `ValueError` with a message for people."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None


_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_duration(text: str) -> float:
    """Seconds in `90s`, `12h` or `7d`. Raises `ValueError` for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time such as 30m, 12h or 7d")
    number, unit = match.groups()
    return float(number) * _SECONDS[unit]
