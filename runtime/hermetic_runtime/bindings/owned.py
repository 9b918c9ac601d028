"""What the C library made, and has to be told to free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


class Owned:
    """Freed once: by `close`, or when it is collected. The library counts references, so what
    was made from it stays valid.
    """

    __slots__ = ("_address",)

    _delete: ClassVar[Callable[[int], Any]]

    def __init__(self, address: int) -> None:
        self._address: int | None = address

    @property
    def address(self) -> int:
        """Raises `ValueError` when it is closed."""
        if self._address is None:
            raise ValueError(f"the {type(self).__name__} is closed")
        return self._address

    def give_away(self) -> int:
        """For a function of the library that takes over what it is given."""
        address = self.address
        self._address = None
        return address

    def close(self) -> None:
        address, self._address = self._address, None
        if address is not None:
            type(self)._delete(address)

    def __del__(self) -> None:
        if hasattr(self, "_address"):
            self.close()
