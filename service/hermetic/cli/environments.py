"""`hermetic env`: the package sets that are kept."""

from __future__ import annotations

import argparse
import time

from hermetic.cli.messages import say
from hermetic.cli.progress import PreparationBar
from hermetic.cli.quantities import format_size
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic.cli.wanted import read_wanted
from hermetic_runtime.compilation import Metering
from hermetic_runtime.packages.kept_sets import KeptSet, find_set, list_sets, prune, remove_set

_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


def list_environments() -> int:
    """Print a line for each package set."""
    kept = list_sets()
    if not kept:
        _print(["no package sets yet: the first run that needs packages makes one"])
    _print([_line(each) for each in kept])
    return 0


def show(options: argparse.Namespace) -> int:
    """Print what is in a package set."""
    kept = find_set(options.name)
    lines = [
        f"name         {kept.name}",
        f"interpreter  {kept.interpreter}",
        f"folder       {kept.directory}",
        f"size         {format_size(kept.size_bytes)}",
        f"last use     {_ago(kept.last_use)}",
    ]
    if not kept.complete:
        lines.append("state        incomplete; made anew when it is asked for")
    versions = sorted(kept.distributions.items())
    lines += [f"package      {name} {version}" for name, version in versions]
    _print(lines)
    return 0


def build(options: argparse.Namespace) -> int:
    """Make ready all that a script needs, snapshots included."""
    from hermetic_runtime.preparing_process import run_preparing
    from hermetic_runtime.providing import provide

    source, wanted = read_wanted(options)
    with PreparationBar() as bar:
        provided = provide(wanted, source, Metering.NONE, bar.show)
        failed: dict[str, str] = {}
        if provided.unmade:
            failed = run_preparing("snapshots", provided.snapshots_task(), bar.show)["failed"]
    for note in provided.notes:
        say(note)
    for name, reason in failed.items():
        say(f"{name} can't be imported ahead: {reason}")
    interpreter, packages, _ = provided.environment
    _print([f"ready: {packages.name if packages else interpreter.parent.name}"])
    return 0


def remove(options: argparse.Namespace) -> int:
    """Remove one, and print how much that freed."""
    name = find_set(options.name).name
    _print([f"removed {name}, {format_size(remove_set(name))}"])
    return 0


def prune_unused(options: argparse.Namespace) -> int:
    """Remove what was not used for long, and print what that was."""
    removed = prune(unused_seconds=options.unused)
    freed = sum(each.size_bytes for each in removed)
    _print([*(f"removed {each.name}" for each in removed), f"freed {format_size(freed)}"])
    return 0


def _line(kept: KeptSet) -> str:
    contents = ", ".join(sorted(kept.distributions)) if kept.complete else "incomplete"
    return f"{kept.name}  {format_size(kept.size_bytes)}  used {_ago(kept.last_use)}  {contents}"


def _ago(moment: float) -> str:
    seconds = max(0.0, time.time() - moment)
    for size, unit in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _print(lines: list[str]) -> None:
    write(STDOUT, "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
