"""`hermetic cache info` and `hermetic cache clear`."""

from __future__ import annotations

from datetime import datetime

from hermetic.cli.quantities import format_size
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic_runtime.cache import CacheEntry, cache_directory, clear_cache, describe_cache


def info() -> int:
    """Print where the cache is and what is in it."""
    entries = describe_cache()
    total = format_size(sum(entry.size_bytes for entry in entries))
    lines = [f"{cache_directory()}  {total}", *(f"  {describe(entry)}" for entry in entries)]
    _print(lines)
    return 0


def clear() -> int:
    """Remove what is kept but for what sessions start from, and print how much that was."""
    from hermetic_runtime.eviction import needed_by_sessions

    _print([f"freed {format_size(clear_cache(needed_by_sessions()))} in {cache_directory()}"])
    return 0


def describe(entry: CacheEntry) -> str:
    """An entry in one line: name, size, and when it was made."""
    made = datetime.fromtimestamp(entry.modified).isoformat(" ", "minutes")
    return f"{entry.name}  {format_size(entry.size_bytes)}  made {made}"


def _print(lines: list[str]) -> None:
    write(STDOUT, "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
