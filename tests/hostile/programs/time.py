"""Programs that wait, and programs that play with clocks."""

from __future__ import annotations

from hostile_program import CRASHED, ERROR, OK, TIMEOUT, HostileProgram, endless

PROGRAMS = (
    endless(
        "a sleep",
        """
import time
time.sleep(10**6)
""",
    ),
    endless(
        "many small sleeps",
        """
import time
while True: time.sleep(0.0001)
""",
    ),
    endless(
        "a sleep that catches everything",
        """
import time
while True:
    try:
        time.sleep(10**6)
    except BaseException:
        pass
""",
    ),
    HostileProgram(
        "a sleep beyond all time",
        """
import time
time.sleep(1e300)
""",
        ERROR,
    ),
    endless(
        "a select without descriptors",
        """
import select
select.select([], [], [], 10**6)
""",
    ),
    endless(
        "a poll without descriptors",
        """
import select
select.poll().poll()
""",
    ),
    endless(
        "an event loop that sleeps",
        """
import asyncio
asyncio.run(asyncio.sleep(10**6))
""",
    ),
    endless(
        "an event loop that waits for nothing",
        """
import asyncio
async def main(): await asyncio.get_running_loop().create_future()
asyncio.run(main())
""",
    ),
    HostileProgram(
        "a lock that is never released",
        """
import threading
l = threading.Lock()
l.acquire()
l.acquire()
""",
        TIMEOUT,
        in_wasi=CRASHED,
        short=True,
    ),
    HostileProgram(
        "a queue that stays empty",
        """
import queue
queue.Queue().get()
""",
        TIMEOUT,
        in_wasi=CRASHED,
        short=True,
    ),
    endless(
        "a wait for a time of the clock",
        """
import time
end = time.monotonic() + 10**6
while time.monotonic() < end: pass
""",
    ),
    HostileProgram(
        "a clock that is set",
        """
import time
time.clock_settime(0, 0)
""",
        ERROR,
    ),
    HostileProgram(
        "clocks that do not exist",
        """
import time
for clock in (-1, 4, 99, 2**31 - 1, -2**31):
    for call in (time.clock_gettime, time.clock_getres):
        try: call(clock)
        except OSError: pass
""",
        OK,
        in_wasi=CRASHED,
    ),
    HostileProgram(
        "times outside every calendar",
        """
import time
for seconds in (2**31, 2**40, -2**40, 2**62, -2**62):
    for call in (time.gmtime, time.localtime, time.ctime):
        try: call(seconds)
        except (OverflowError, OSError, ValueError): pass
for year in (-10**9, 0, 10**9):
    try: time.mktime((year, 99, -5, 400, 4000, 10**6, 0, 0, -1))
    except (OverflowError, OSError, ValueError): pass
""",
        OK,
    ),
    HostileProgram(
        "another time zone",
        """
import os, time
os.environ['TZ'] = '../../etc/passwd'
time.tzset()
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "an alarm",
        """
import signal
signal.setitimer(signal.ITIMER_REAL, 0.01)
""",
        ERROR,
    ),
    HostileProgram(
        "a timer",
        """
import threading
threading.Timer(0.01, print).start()
""",
        ERROR,
    ),
    HostileProgram(
        "clocks that are replaced",
        """
import time
for name in ('time', 'monotonic', 'perf_counter', 'time_ns', 'monotonic_ns', 'process_time'):
    setattr(time, name, lambda: -1e300)
time.sleep = lambda seconds: None
print(time.time())
""",
        OK,
        alters_itself=True,
    ),
    endless(
        "an event loop whose clock goes backwards",
        """
import asyncio, itertools, time
moments = itertools.count(0, -1)
time.monotonic = lambda: float(next(moments))
async def main():
    asyncio.get_running_loop().time = time.monotonic
    await asyncio.sleep(1)
asyncio.run(main())
""",
        alters_itself=True,
    ),
    HostileProgram(
        "every clock that is set",
        """
import time
kept = 0
for clock in (0, 1, 2, 3):
    try:
        time.clock_settime_ns(clock, 2**62)
    except (OSError, AttributeError):
        kept += 1
assert kept == 4 and 1.6e9 < time.time() < 1e10
""",
        OK,
    ),
    HostileProgram(
        "timeouts without sense",
        """
import select, time
for seconds in (-1, float('nan'), -1e300, 1e300, 2**70):
    for wait in (time.sleep, lambda s: select.select([0], [], [], s)):
        try:
            if seconds != 1e300 and seconds != 2**70: wait(seconds)
        except (ValueError, OverflowError, OSError): pass
""",
        OK,
    ),
    HostileProgram(
        "an alarm clock",
        """
import signal
signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
signal.alarm(1)
while True: signal.pause()
""",
        ERROR,
    ),
)
