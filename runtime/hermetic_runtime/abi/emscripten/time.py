"""Clocks and calendar. The guest lives in UTC.

`struct tm` is musl's: nine i32 (sec, min, hour, mday, mon, year - 1900, wday with
Sunday 0, yday, isdst), then tm_gmtoff (i32) and the address of the zone's name.
"""

from __future__ import annotations

from struct import Struct

from hermetic_runtime.abi.binding import provides
from hermetic_runtime.abi.surroundings import ClockCalls
from hermetic_runtime.kernel.errno import Errno

_TM = Struct("<9i")
_TM_WITH_OFFSET = Struct("<10i")
_DAY = 86_400
_YEARS_400 = 146_097
"""Days in 400 Gregorian years."""
_I32 = 2**31


class TimeCalls(ClockCalls):
    """Clock and calendar functions."""

    @provides("emscripten_date_now", "", "d")
    def date_now(self) -> float:
        return self._kernel.clock.wall_ns() / 1e6

    @provides("emscripten_get_now", "", "d")
    def now(self) -> float:
        return self._kernel.clock.monotonic_ns() / 1e6

    @provides("_gmtime_js", "lp")
    @provides("_localtime_js", "lp")
    def broken_down(self, seconds: int, tm: int) -> None:
        self._memory.write(tm, _TM_WITH_OFFSET.pack(*_broken_down(seconds), 0))

    @provides("_timegm_js", "p", "l")
    @provides("_mktime_js", "p", "l")
    def normalise(self, tm: int) -> int:
        second, minute, hour, day, month, year, *_ = self._memory.unpack(_TM, tm)
        years, month = divmod(month, 12)
        days = _days_before(year + 1900 + years, month + 1, 1) + day - 1
        seconds = days * _DAY + hour * 3600 + minute * 60 + second
        self._memory.write(tm, _TM.pack(*_broken_down(seconds)))
        return seconds

    @provides("_tzset_js", "pppp")
    def timezone(self, offset: int, daylight: int, standard: int, summer: int) -> None:
        self._memory.write_u32(offset, 0)
        self._memory.write_u32(daylight, 0)
        self._memory.write(standard, b"UTC\0")
        self._memory.write(summer, b"UTC\0")

    @provides("_setitimer_js", "id", "i")
    def set_interval_timer(self, _which: int, _milliseconds: float) -> int:
        return -Errno.ENOSYS


def _broken_down(seconds: int) -> tuple[int, ...]:
    days, rest = divmod(seconds, _DAY)
    year, month, day = _civil(days)
    if not -_I32 <= year - 1900 < _I32:
        return (0,) * 9
    year_day = days - _days_before(year, 1, 1)
    hour, rest = divmod(rest, 3600)
    return (rest % 60, rest // 60, hour, day, month - 1, year - 1900, (days + 4) % 7, year_day, 0)


def _days_before(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a Gregorian date, counting years from March."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _YEARS_400 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    """The Gregorian (year, month, day) of a day counted from 1970-01-01."""
    era, of_era = divmod(days + 719_468, _YEARS_400)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1
