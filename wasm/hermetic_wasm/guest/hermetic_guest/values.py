"""The value of the last expression, for people (`repr`) and for programs (JSON)."""

import _json

_ELLIPSIS = "…"


def describe(value, limit):
    """None for None; else its `repr`, and its JSON text when it has one.

    `too_large` is set when either would pass `limit` bytes; the `repr` is then cut.
    """
    if value is None:
        return None
    text = repr(value)
    json = _json_or_none(value)
    too_large = len(text) > limit or (json is not None and len(json) > limit)
    if too_large:
        text, json = text[: limit // 4] + _ELLIPSIS, None
    return {"repr": text, "json": json, "too_large": too_large}


def _json_or_none(value):
    try:
        return to_json(value)
    except (TypeError, ValueError, RecursionError):
        return None


def to_json(value):
    """JSON text in ASCII. Raises TypeError or ValueError for what JSON can't express."""
    encode = _json.make_encoder(
        {}, _refuse, _json.encode_basestring_ascii, None, ": ", ", ", False, False, False
    )
    return "".join(encode(value, 0))


def _refuse(value):
    raise TypeError(f"{type(value).__name__} is not JSON")
