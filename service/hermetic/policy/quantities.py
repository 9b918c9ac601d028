"""Sizes and times as people write them in a policy file."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?(B|KiB|MiB|GiB|K|M|G)", re.ASCII)
_SIZES = {"B": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?([a-z]{1,7})", re.ASCII)
_TIMES = {
    "ms": 0.001,
    "s": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
    "week": 604_800.0,
}


def policy_size(given: object) -> object:
    """Bytes of a text such as `256 MiB`; what is no text stays as it is.

    Raises `ValueError`.
    """
    if not isinstance(given, str):
        return given
    match = _SIZE.fullmatch(given)
    if match is None:
        raise ValueError('a size is a number of bytes, or a text such as "256 MiB" or "1.5 GiB"')
    return int(float(match[1]) * _SIZES[match[2][0]])


def policy_seconds(given: object) -> object:
    """Seconds of a text such as `30 s`, `12 hours` or `7 days`; what is no text stays as it is.

    Raises `ValueError`.
    """
    if not isinstance(given, str):
        return float(given) if type(given) is int and abs(given) < 2**53 else given
    match = _TIME.fullmatch(given)
    unit = None if match is None else _TIMES.get(match[2]) or _TIMES.get(match[2].removesuffix("s"))
    if match is None or unit is None:
        raise ValueError('a time is a number of seconds, or a text such as "30 s" or "7 days"')
    return float(match[1]) * unit
