"""Who may run what: the identity behind a request, and the widest limits that it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from hermetic.errors import InvalidInput, NotAllowed
from hermetic_runtime.limits import Limits


@dataclass(frozen=True, slots=True)
class Grant:
    """An identity. `limits` are what its runs get, and can narrow but not widen. One that is
    `shared` is trusted with worker processes that serve run after run, where they are allowed.
    """

    id: str
    name: str
    limits: Limits = Limits()
    shared: bool = False


LOCAL = Grant("local", "local", shared=True)
"""Who starts Hermetic for themselves: stdio, and loopback without keys."""


def narrowed(grant: Grant, given: Mapping[str, Any]) -> Limits:
    """The grant's limits with those that were `given`.

    Raises `InvalidInput` for values that no limit can have, and `NotAllowed` for wider ones.
    """
    if not given:
        return grant.limits
    known = {field.name for field in fields(Limits)}
    if unknown := given.keys() - known:
        raise InvalidInput(
            f"there is no limit {sorted(unknown)[0][:60]!r}",
            hint=f"There are: {', '.join(sorted(known))}.",
        )
    limits = replace(grant.limits, **given)
    for name in given:
        asked, most = getattr(limits, name), getattr(grant.limits, name)
        if most is not None and (asked is None or asked > most):
            raise NotAllowed(
                f"limit {name} is {asked:,}, more than the {most:,} of this key",
                hint="Ask for less, or use a key with wider limits.",
            )
    return limits


def encode_limits(limits: Limits) -> str:
    """As JSON, for `decode_limits`."""
    return json.dumps(asdict(limits))


def decode_limits(text: str) -> Limits:
    """Limits that came later than the key have their defaults."""
    known = {field.name for field in fields(Limits)}
    return Limits(**{name: value for name, value in json.loads(text).items() if name in known})
