"""Time zones in guests."""

from __future__ import annotations

from sandbox_options import SandboxOptions

from hermetic_runtime.sandbox import run


def test_a_guest_knows_the_time_zones(options: SandboxOptions) -> None:
    source = """
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones
noon = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Oslo"))
[noon.astimezone(ZoneInfo("America/New_York")).hour, "Asia/Tokyo" in available_timezones()]
"""
    result = run(source, **options)

    assert result.value is not None
    assert result.value.json == [6, True]
