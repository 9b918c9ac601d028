"""Reading and writing the primitives of the WebAssembly binary format.

The words are those of the WebAssembly core specification, chapter 5 (Binary Format).
What is read may be hostile: every read is bounded by the bytes that are really there.
"""

from __future__ import annotations

from collections.abc import Iterable

from hermetic_wasm.errors import MalformedModule

MAX_ITEMS = 1_000_000
"""Most items in one vector: the implementation limit of the WebAssembly JavaScript
Interface specification (section 10, "Implementation-defined limits"), which engines share."""


class Reader:
    """A cursor over the bytes from `position` to `end` of a module.

    Every method raises `MalformedModule`, with the offset in the module, when the bytes
    that are left do not hold what was asked for.
    """

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int = 0, end: int | None = None) -> None:
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end

    @property
    def at_end(self) -> bool:
        return self.position >= self.end

    def malformed(self, problem: str) -> MalformedModule:
        """The error to raise where reading has come to."""
        return MalformedModule(f"{problem} at offset {self.position:#x}")

    def expect_end(self) -> None:
        if not self.at_end:
            raise self.malformed(f"{self.end - self.position} bytes too many")

    def byte(self) -> int:
        if self.position >= self.end:
            raise self.malformed("unexpected end")
        value = self.data[self.position]
        self.position += 1
        return value

    def take(self, size: int) -> bytes:
        if size > self.end - self.position:
            raise self.malformed(f"{size} bytes expected, {self.end - self.position} left")
        start = self.position
        self.position += size
        return self.data[start : self.position]

    def u32(self) -> int:
        """An unsigned LEB128 number of at most 32 bits."""
        value = self.byte()
        if value < 0x80:
            return value
        value &= 0x7F
        for shift in (7, 14, 21, 28):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> 32:
                    break
                return value
        raise self.malformed("integer too large")

    def u64(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> 64:
                    break
                return value
        raise self.malformed("integer too large")

    def signed(self, bits: int) -> int:
        """A signed LEB128 number of at most `bits` bits."""
        value = 0
        for shift in range(0, bits, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte & 0x40:
                    value -= 1 << (shift + 7)
                if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
                    break
                return value
        raise self.malformed("integer too large")

    def count(self) -> int:
        """The length of a vector, which can't be more than the bytes that are left."""
        count = self.u32()
        if count > self.end - self.position:
            raise self.malformed(f"{count} items announced, {self.end - self.position} bytes left")
        if count > MAX_ITEMS:
            raise self.malformed(f"{count} items announced, at most {MAX_ITEMS} are supported")
        return count

    def value_type(self) -> bytes:
        """The encoding of a value type: a byte, or more for a typed reference."""
        start = self.position
        first = self.byte()
        if first in (0x63, 0x64):
            self.signed(33)
        elif not 0x40 < first < 0x80:
            raise self.malformed(f"{first:#x} is not a value type")
        return self.data[start : self.position]

    def name(self) -> str:
        encoded = self.take(self.u32())
        try:
            return encoded.decode()
        except UnicodeDecodeError as error:
            raise self.malformed("name is not UTF-8") from error


def encode_u32(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_signed(value: int) -> bytes:
    encoded = bytearray()
    while not -0x40 <= value < 0x40:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value & 0x7F)
    return bytes(encoded)


def encode_bytes(contents: bytes) -> bytes:
    """Contents with their size before them."""
    return encode_u32(len(contents)) + contents


def encode_name(name: str) -> bytes:
    return encode_bytes(name.encode())


def encode_vector(items: Iterable[bytes]) -> bytes:
    encoded = list(items)
    return encode_u32(len(encoded)) + b"".join(encoded)
