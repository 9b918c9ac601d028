"""Runs the code blocks of a document as a reader would, in one folder."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path

import yaml
from command_line import COMMAND
from document_blocks import Block

from hermetic.cli.arguments import command_parser

SHOWN_SERVICE = "http://localhost:8080"
_SECONDS = 240


@dataclass
class DocumentRunner:
    """`folder` is where everything runs; `service` is where the shown service really is."""

    folder: Path
    service: str

    def run(self, block: Block) -> None:
        """Raises `AssertionError` when the block does not do what it shows."""
        if block.not_run:
            return
        kinds: dict[str, Callable[[Block], object]] = {
            "console": self._console,
            "text": self._text,
            "sh": self._shell,
            "python": self._python,
            "json": lambda block: json.loads(block.text),
            "toml": lambda block: tomllib.loads(block.text),
            "yaml": lambda block: yaml.safe_load(block.text),
            "ini": lambda block: RawConfigParser(strict=False).read_string(block.text),
            "csv": self._data,
            "indented": self._shapes,
        }
        assert block.language in kinds, (
            f"nothing runs {block.language or 'a block without a language'}; put "
            "<!-- not run: REASON --> above it if nothing can"
        )
        if block.title:
            (self.folder / block.title).write_text(block.text)
        kinds[block.language](block)

    def _data(self, block: Block) -> None:
        assert block.title, 'data needs the name of its file, as title="NAME"'

    def _text(self, block: Block) -> None:
        if block.text.startswith("$ "):
            self._console(block)

    def _console(self, block: Block) -> None:
        """Commands after `$`, each with what it prints. Where nothing is shown, anything may
        be printed, and the command has to succeed; `…` stands for any text.
        """
        assert block.text.startswith("$ "), "a console block starts with a command"
        for shown in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
            [command] = re.findall(r"\A(?:.*\\\n)*.*", shown)
            output = shown[len(command) + 1 :]
            done = self._in_shell(command)
            if output:
                expected = ".*".join(re.escape(part) for part in output.split("…"))
                assert re.fullmatch(expected, done.stdout, re.S), done.stdout
            else:
                assert done.returncode == 0, f"{command}\n{done.stdout}"

    def _shell(self, block: Block) -> None:
        done = self._in_shell(f"set -e\n{block.text}")
        assert done.returncode == 0, done.stdout

    def _python(self, block: Block) -> None:
        """A file that later commands use, a script with its metadata, or a program whose
        `print` calls say in a comment what they print.
        """
        if block.title:
            return
        script = self.folder / "script.py"
        script.write_text(block.text.replace(SHOWN_SERVICE, self.service))
        if block.text.startswith("# /// script"):
            command = [*COMMAND, "run", "script.py"]
        else:
            command = [sys.executable, "-W", "error", "script.py"]
        done = self._process(command)
        assert done.returncode == 0, done.stdout
        printed = iter(done.stdout.splitlines())
        for expected in re.findall(r"^ *print\(.*\)  # (.*)$", block.text, re.M):
            assert expected in printed, done.stdout

    def _shapes(self, block: Block) -> None:
        """Commands with placeholders, explained after two spaces: they and their options exist."""
        if block.text.startswith("$ "):
            return self._console(block)
        for number, line in enumerate(block.text.splitlines()):
            name, *words = shlex.split(line.partition("   ")[0]) or [""]
            if name == "hermetic":
                check_command(words)
            elif name.startswith("scripts/"):
                assert (Path(__file__).parents[2] / name).exists(), name
            else:
                assert number and line.startswith("  "), f"nothing runs: {line}"
        return None

    def _in_shell(self, script: str) -> subprocess.CompletedProcess[str]:
        hermetic = f'hermetic() {{ {shlex.join(COMMAND)} "$@"; }}\n'
        script = script.replace(SHOWN_SERVICE, self.service)
        return self._process(["sh", "-c", hermetic + script])

    def _process(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        kept = {
            "HERMETIC_STATE_DIR": str(self.folder.parent / "state"),
            "HERMETIC_DATA_DIRECTORY": str(self.folder.parent / "data"),
        }
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=os.environ | kept,
            timeout=_SECONDS,
            check=False,
        )


def check_command(words: list[str]) -> None:
    """The command exists and has the options that `words` names."""
    parser = command_parser()
    for word in words:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                assert word in action.choices or word.startswith("-"), f"{parser.prog} {word}"
                parser = action.choices.get(word, parser)
                break
        if word.startswith("--") and word != "--":
            assert word.partition("=")[0] in parser._option_string_actions, f"{parser.prog} {word}"
