"""`hermetic key create`, `list` and `revoke`."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from datetime import datetime

from hermetic.cli.limits import read_limits
from hermetic.cli.messages import say
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic.database import Database
from hermetic.keys import KeyRecord, KeyStore
from hermetic.settings import ServiceSettings
from hermetic_runtime.limits import Limits


def run_key_command(action: str, options: argparse.Namespace) -> int:
    """The exit status."""
    database = Database(ServiceSettings.read(os.environ).data_directory)
    try:
        keys = KeyStore(database)
        if action == "create":
            key = keys.create(options.name, read_limits(options), shared=options.shared)
            _print(key.text)
            say(f"this is key {key.id}; it is not shown again")
        elif action == "list":
            for record in keys.list():
                _print(_describe(record))
        else:
            keys.revoke(options.id)
            say(f"key {options.id} is refused from now on")
    finally:
        database.close()
    return 0


def _describe(record: KeyRecord) -> str:
    made = datetime.fromtimestamp(record.created).isoformat(" ", "minutes")
    usual = asdict(Limits())
    changed = {name: value for name, value in asdict(record.limits).items() if value != usual[name]}
    limits = "".join(f"  {name}={value:g}" for name, value in changed.items())
    shared = "  shared" if record.shared else ""
    revoked = "  revoked" if record.revoked is not None else ""
    return f"{record.id}  {record.name}  made {made}{limits}{shared}{revoked}"


def _print(line: str) -> None:
    write(STDOUT, f"{line}\n".encode("utf-8", "backslashreplace"))
