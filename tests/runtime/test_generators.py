"""Random number generators that guests of one snapshot must not share."""

from __future__ import annotations

import random
import struct

import pytest
from wasi_guests import wasi_directory

from hermetic_runtime.environments import Environment
from hermetic_runtime.preparing_snapshots import prepare_snapshots
from hermetic_runtime.sandbox import run
from hermetic_runtime.snapshots.generators import Generator, find_generator, renew_generators

WORDS = list(range(1000, 1624))
PACKED = struct.pack("<624I", *WORDS)
USED = struct.pack("<I", 17)


def test_the_number_of_words_used_may_stand_before_the_words() -> None:
    memory = bytes(64) + USED + PACKED + bytes(64)

    assert find_generator(memory, 40, WORDS, 17) == Generator(words=68, used=64)


def test_the_number_of_words_used_may_stand_behind_the_words() -> None:
    memory = bytes(64) + PACKED + USED + bytes(64)

    assert find_generator(memory, 40, WORDS, 17) == Generator(words=64, used=64 + len(PACKED))


@pytest.mark.parametrize("near", [-1, 2000, 2**40])
def test_a_generator_is_looked_for_behind_its_object_only(near: int) -> None:
    assert find_generator(bytes(64) + USED + PACKED, near, WORDS, 17) is None


@pytest.mark.parametrize(
    ("words", "used"), [(WORDS[1:], 17), (WORDS, 18), (WORDS, -1), ([2**40, *WORDS[1:]], 17)]
)
def test_what_a_guest_says_of_another_state_finds_nothing(words: list[int], used: int) -> None:
    assert find_generator(bytes(64) + USED + PACKED, 0, words, used) is None


def test_a_renewed_generator_has_other_words_and_used_all_of_them() -> None:
    memory = bytearray(USED + PACKED + b"behind")

    renew_generators(memoryview(memory), [(4, 0)])

    assert memory[:4] == struct.pack("<I", 624)
    assert memory[4:-6] != PACKED
    assert memory[-6:] == b"behind"


def test_a_state_of_pythons_own_is_found_where_it_is() -> None:
    *words, used = random.getstate()[1]
    memory = struct.pack("<625I", used, *words)

    assert find_generator(memory, 0, words, used) == Generator(words=4, used=0)


@pytest.mark.parametrize(
    "code",
    [
        "import random\nrandom.getrandbits(64)",
        "import random\nrandom.gauss()",
        "import numpy\nint(numpy.random.randint(2**31 - 1))",
        "import numpy\nfloat(numpy.random.normal())",
        "import numpy\nfloat(numpy.random.default_rng().random())",
    ],
)
def test_guests_of_a_snapshot_with_numpy_draw_other_numbers(code: str) -> None:
    environment = Environment(wasi_directory())
    prepare_snapshots(environment, ["numpy", "pandas"], print)
    script = f"# /// script\n# tool.hermetic.preload = ['numpy', 'pandas']\n# ///\n{code}"

    values = {run(script, interpreter="wasi").value for _ in range(6)}

    assert None not in values
    assert len(values) == 6
