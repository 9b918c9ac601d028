"""The time zones that Pyodide's guests get."""

from __future__ import annotations

from hermetic_runtime.time_zones import time_zone_files, time_zones_version


def test_files_have_names_to_import_them_by() -> None:
    files = dict(time_zone_files())

    assert files["tzdata/zoneinfo/Europe/Oslo"].startswith(b"TZif")
    assert time_zones_version().encode() in files["tzdata/__init__.py"]
    assert not [name for name in files if name.endswith(".pyc")]
