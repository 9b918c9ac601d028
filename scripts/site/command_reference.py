"""Every command with what `--help` says of it, from the parsers themselves."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from hermetic.cli.arguments import command_parser

INTRODUCTION = """\
# Commands and options

What `--help` prints for each command. [The command line](../cli.md) explains them.
"""


def command_reference() -> str:
    os.environ["COLUMNS"] = "96"  # argparse asks for the width of the terminal here
    os.environ["NO_COLOR"] = "1"
    parsers = [command_parser(), *commands_of(command_parser())]
    parts = [f"## {each.prog}\n\n```text\n{each.format_help()}```\n" for each in parsers]
    return "\n".join([INTRODUCTION, *parts])


def commands_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of the commands below one, theirs included, each after its parent."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                yield child
                yield from commands_of(child)
