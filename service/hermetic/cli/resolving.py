"""`hermetic resolve`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from hermetic.cli.messages import say
from hermetic.cli.progress import PreparationBar
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic.cli.wanted import read_wanted
from hermetic_runtime.packages.package_set import PackageSet
from hermetic_runtime.providing_packages import resolve_packages

_NOTHING_ASKED = "nothing is required"


def resolve(options: argparse.Namespace) -> int:
    """Print what a script gets; exit status 0."""
    _, wanted = read_wanted(options)
    with PreparationBar() as bar:
        request, found = resolve_packages(wanted, bar.show)
    interpreter = "pyodide" if request.interpreter == "auto" else request.interpreter
    answer = _described(interpreter, found)
    text = json.dumps(answer, indent=2) if options.json else "\n".join(_lines(answer))
    write(STDOUT, f"{text}\n".encode("utf-8", "backslashreplace"))
    for note in found.notes if found else ():
        say(note)
    return 0


def _described(interpreter: str, found: PackageSet | None) -> dict[str, Any]:
    if found is None:
        reasons, built_in, lock = [_NOTHING_ASKED], {}, []
    else:
        interpreter = found.interpreter
        reasons, built_in, lock = list(found.reasons), dict(found.built_in), list(found.lock)
    return {
        "interpreter": interpreter,
        "reasons": reasons,
        "built_in": built_in,
        "packages": [
            {key: wheel[key] for key in ("name", "version", "file", "sha256", "requested_by")}
            for wheel in lock
        ],
        "environment": found.directory.name if found and found.directory else None,
    }


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = [f"interpreter  {answer['interpreter']}"]
    lines += [f"  because    {reason}" for reason in answer["reasons"]]
    lines += [
        f"built in     {name} {version}" for name, version in sorted(answer["built_in"].items())
    ]
    for wheel in answer["packages"]:
        needed = f"  for {', '.join(wheel['requested_by'])}" if wheel["requested_by"] else ""
        lines.append(f"package      {wheel['name']} {wheel['version']}{needed}")
    if answer["environment"]:
        lines.append(f"environment  {answer['environment']}")
    return lines
