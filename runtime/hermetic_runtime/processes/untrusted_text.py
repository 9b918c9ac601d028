"""Text from processes in which guests run, made fit to be shown."""

from __future__ import annotations


def printable(line: str) -> str:
    """A line with nothing in it that a terminal would obey."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)
