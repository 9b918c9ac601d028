"""The types of the functions that guest and host call of one another."""

from __future__ import annotations

from typing import NamedTuple


class Signature(NamedTuple):
    """Parameter and result kinds, a letter each: `i` signed i32, `p` unsigned i32 (a guest
    pointer or size), `l` signed i64, `d` f64. `result` is empty for no result.
    """

    parameters: str
    result: str = ""
