"""Counters in Redis, which several nodes share."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from hermetic.errors import CountersUnavailable, InvalidInput
from hermetic.policy.decisions import CounterKey, Reservation

_PREFIX = "{hermetic}:counter:"
"""The braces keep all counters in one slot of a cluster, as a script needs them."""
_ANSWER_SECONDS = 2.0
_GRACE_SECONDS = 3600
"""How long a window is kept after it ended: runs that began in it add what they used."""

_RESERVE = """
local values = {}
for i, key in ipairs(KEYS) do
    local value = values[key] or tonumber(redis.call('GET', key) or '0')
    value = value + tonumber(ARGV[3 * i - 2])
    local most = ARGV[3 * i - 1]
    if most ~= '' and value > tonumber(most) then return i end
    values[key] = value
end
for i, key in ipairs(KEYS) do
    redis.call('INCRBYFLOAT', key, ARGV[3 * i - 2])
    if ARGV[3 * i] ~= '0' then redis.call('EXPIRE', key, ARGV[3 * i]) end
end
return 0
"""

_GIVE_BACK = """
for i, key in ipairs(KEYS) do
    local value = redis.call('GET', key)
    if value then
        local less = math.min(tonumber(value), tonumber(ARGV[i]))
        redis.call('INCRBYFLOAT', key, string.format('%.17g', -less))
    end
end
return 0
"""


class RedisCounters:
    """A `CounterStore`. Connections are made by the first call that counts.

    Nothing is sent twice: an answer that is lost refuses the call, and may leave it counted.
    """

    def __init__(self, url: str, *, answer_seconds: float = _ANSWER_SECONDS) -> None:
        """`url` is `redis://`, `rediss://` or `unix://`. Raises `InvalidInput`."""
        try:
            self._client = redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
                url,
                socket_timeout=answer_seconds,
                socket_connect_timeout=answer_seconds,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise InvalidInput(
                f"the store of counters can't be used: {error}",
                hint="HERMETIC_COUNTERS is, for example, redis://127.0.0.1:6379/0",
            ) from error
        self._reserve = self._client.register_script(_RESERVE)
        self._give_back = self._client.register_script(_GIVE_BACK)

    def read(self, keys: Iterable[CounterKey]) -> Mapping[CounterKey, float]:
        asked = list(keys)
        if not asked:
            return {}
        with _errors():
            values = cast("list[bytes | None]", self._client.mget([_name(key) for key in asked]))
            return {key: float(value or 0) for key, value in zip(asked, values, strict=True)}

    def reserve(self, reservations: Sequence[Reservation]) -> Reservation | None:
        arguments: list[str] = []
        for each in reservations:
            most = "" if each.most is None else repr(float(each.most))
            arguments += [repr(float(each.amount)), most, str(_kept_seconds(each.key))]
        with _errors():
            blocked = self._run(self._reserve, [each.key for each in reservations], arguments)
        return reservations[blocked - 1] if blocked else None

    def give_back(self, reservations: Sequence[Reservation]) -> None:
        amounts = [repr(float(each.amount)) for each in reservations]
        with _errors():
            self._run(self._give_back, [each.key for each in reservations], amounts)

    def add(self, amounts: Mapping[CounterKey, float]) -> None:
        self.reserve([Reservation(key, amount, None, "") for key, amount in amounts.items()])

    def close(self) -> None:
        self._client.close()

    def _run(self, script: Any, keys: Sequence[CounterKey], arguments: Sequence[str]) -> int:
        return int(script(keys=[_name(key) for key in keys], args=arguments))


def _name(key: CounterKey) -> str:
    return _PREFIX + json.dumps(key, separators=(",", ":"))


def _kept_seconds(key: CounterKey) -> int:
    """From its first use; 0 for a counter that has no window and is kept."""
    return key.window and key.window + _GRACE_SECONDS


@contextmanager
def _errors() -> Generator[None]:
    try:
        yield
    except (redis.RedisError, OSError, ValueError) as error:
        raise CountersUnavailable(
            f"the counters of policy can't be used: {error}",
            hint="Counted calls are refused until Redis answers.",
        ) from error
