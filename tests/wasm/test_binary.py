"""The primitives of the binary format, read as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetic_wasm.binary import Reader, encode_name, encode_signed, encode_u32, encode_vector
from hermetic_wasm.errors import MalformedModule


@given(st.integers(0, 2**32 - 1))
def test_an_unsigned_number_is_read_as_it_was_written(value: int) -> None:
    reader = Reader(encode_u32(value))
    assert reader.u32() == value
    assert reader.at_end


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_signed_number_is_read_as_it_was_written(value: int) -> None:
    reader = Reader(encode_signed(value))
    assert reader.signed(64) == value
    assert reader.at_end


@pytest.mark.parametrize("encoded", [b"\xff\xff\xff\xff\x1f", b"\x80\x80\x80\x80\x80\x00"])
def test_an_unsigned_number_over_32_bits_is_refused(encoded: bytes) -> None:
    with pytest.raises(MalformedModule, match="integer too large"):
        Reader(encoded).u32()


def test_a_64_bit_number_over_64_bits_is_refused() -> None:
    with pytest.raises(MalformedModule, match="integer too large"):
        Reader(b"\xff" * 9 + b"\x02").u64()


@pytest.mark.parametrize(("bits", "value"), [(32, 2**31), (32, -(2**31) - 1), (33, 2**32)])
def test_a_signed_number_over_its_bits_is_refused(bits: int, value: int) -> None:
    with pytest.raises(MalformedModule, match="integer too large"):
        Reader(encode_signed(value)).signed(bits)


def test_a_number_that_breaks_off_is_refused_with_its_offset() -> None:
    with pytest.raises(MalformedModule, match="unexpected end at offset 0x2"):
        Reader(b"\x80\x80").u32()


def test_reading_stops_at_the_end_that_was_set() -> None:
    with pytest.raises(MalformedModule, match="2 bytes expected, 1 left at offset 0x1"):
        Reader(b"abcd", 1, 2).take(2)


def test_a_count_that_the_bytes_left_can_not_hold_is_refused() -> None:
    with pytest.raises(MalformedModule, match="4294967295 items announced, 3 bytes left"):
        Reader(b"\xff\xff\xff\xff\x0fabc").count()


def test_a_count_over_the_implementation_limit_is_refused() -> None:
    with pytest.raises(MalformedModule, match="at most 1000000 are supported"):
        Reader(encode_u32(1_000_001) + bytes(1_000_001)).count()


def test_a_name_is_read_as_it_was_written() -> None:
    assert Reader(encode_name("naïve")).name() == "naïve"


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(MalformedModule, match="not UTF-8"):
        Reader(b"\x02\xc3\x28").name()


def test_a_typed_reference_is_read_whole() -> None:
    assert Reader(b"\x64\x80\x01\x7f").value_type() == b"\x64\x80\x01"


def test_an_unknown_value_type_is_refused() -> None:
    with pytest.raises(MalformedModule, match="0x3f is not a value type"):
        Reader(b"\x3f").value_type()


def test_a_vector_is_its_length_and_its_items() -> None:
    assert encode_vector([b"ab", b"", b"c"]) == b"\x03abc"
