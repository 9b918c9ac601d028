"""A short form of what `scripts/fuzz` does to the cache."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from cached_records import CachedSet, Damage, cached_set, hostile_damage
from hypothesis import given, settings
from hypothesis import strategies as st

from hermetic_runtime.side_module_cache import DESCRIPTION


@pytest.fixture(scope="module")
def cached() -> Iterator[CachedSet]:
    with cached_set() as cached:
        yield cached


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_a_damaged_record_gives_the_packages_or_one_error(cached: CachedSet, seed: int) -> None:
    assert cached.fault_of(hostile_damage(Random(seed), cached)) is None


@pytest.mark.parametrize("data", [b"[" * 100_000, b"1", b'["refused"]', b'{"refused": 1}'])
def test_an_extension_whose_description_is_none_is_compiled_again(
    cached: CachedSet, data: bytes
) -> None:
    assert cached.fault_of(Damage(DESCRIPTION, data)) is None
