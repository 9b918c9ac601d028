"""Guests of the WASI interpreter: the language, the system, and its packages at work."""

from __future__ import annotations

import pytest
from wasi_guests import WasiGuest, wasi_directory

from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.reported import Outcome


@pytest.fixture(scope="module", params=["booted", "resumed"])
def environment(request: pytest.FixtureRequest) -> LoadedEnvironment:
    directory = wasi_directory()
    snapshots = directory / SNAPSHOTS if request.param == "resumed" else None
    return load_environment(Environment(directory, snapshots=snapshots))


def value_of(environment: LoadedEnvironment, source: str) -> object:
    [report] = WasiGuest(environment).run(source)
    assert report.outcome is Outcome.OK, report.error
    assert report.value is not None and report.value.json is not None
    return report.value.json


def test_state_stays_from_one_source_to_the_next(environment: LoadedEnvironment) -> None:
    guest = WasiGuest(environment)

    reports = guest.run("x = 20\nprint('hello')", "print(x + 1)")

    assert [report.outcome for report in reports] == [Outcome.OK, Outcome.OK]
    assert guest.stdout == "hello\n21\n"


def test_the_guest_starts_in_the_workspace_with_its_packages_on_the_path(
    environment: LoadedEnvironment,
) -> None:
    found = value_of(
        environment, "import os, sys\n[sys.version_info[:2], os.getcwd(), sys.executable, sys.path]"
    )

    assert found == [
        [3, 15],
        "/workspace",
        "/bin/python3",
        ["/workspace", "/lib/python3.15", "/lib/hermetic", "/lib/python3.15/site-packages"],
    ]


def test_files_and_links_are_made_renamed_and_read_back(environment: LoadedEnvironment) -> None:
    source = """
import os
os.makedirs("a/b")
with open("a/f", "w") as file:
    file.write("text")
os.symlink("f", "a/link")
os.rename("a/f", "a/g")
broken = os.path.exists("a/link")
for number in range(200):
    open(f"a/b/{number}", "w").close()
os.utime("a", (1, 2))
try:
    open("/lib/python3.15/os.pyc", "w")
except OSError as error:
    refused = error.strerror
[sorted(os.listdir("a")), open("a/g").read(), broken, len(os.listdir("a/b")),
 os.stat("a").st_mtime, refused, os.readlink("a/link"), os.path.getsize("a/g")]
"""
    assert value_of(environment, source) == [
        *(["b", "g", "link"], "text", False, 200, 2.0),
        *("Read-only file system", "f", 4),
    ]


def test_tasks_of_asyncio_run_together(environment: LoadedEnvironment) -> None:
    source = """
import asyncio
async def one(number):
    await asyncio.sleep(0.001)
    return number
async def main():
    return await asyncio.gather(*map(one, range(3)))

"""
    assert value_of(environment, source + "asyncio.run(main())") == [0, 1, 2]
    assert value_of(environment, source + "await main()") == [0, 1, 2]


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import time\ntime.sleep(600)",
        "import asyncio\nasync def never(): await asyncio.Event().wait()\nasyncio.run(never())",
        "input()",
        "import select\nselect.select([0], [], [])",
        "import numpy\nwhile True: numpy.ones((200, 200)) @ numpy.ones((200, 200))",
    ],
)
def test_an_interrupt_is_a_keyboard_interrupt_and_the_guest_lives(
    environment: LoadedEnvironment, source: str
) -> None:
    guest = WasiGuest(environment)

    begun = f"print('begun')\n{source}"
    first, second = guest.run(begun, "print('alive')", interrupt_after=0.5)

    assert first.error is not None and first.error.type == "KeyboardInterrupt"
    assert first.alive
    assert second.outcome is Outcome.OK
    assert guest.stdout == "begun\nalive\n"


def test_memory_that_is_refused_ends_the_run_and_not_the_guest(
    environment: LoadedEnvironment,
) -> None:
    limits = Limits(memory_bytes=256 * MIB)
    hoard = "kept = []\nwhile True: kept.append(bytearray(10**6))"

    reports = WasiGuest(environment, limits).run(hoard, "kept = None", "bytearray(10**9)", "1")

    assert [report.outcome for report in reports] == [
        *(Outcome.MEMORY, Outcome.OK, Outcome.MEMORY, Outcome.OK)
    ]
    assert reports[0].usage is not None
    assert reports[0].usage.peak_memory_bytes <= 256 * MIB


def test_a_memory_error_of_its_own_is_an_ordinary_error(environment: LoadedEnvironment) -> None:
    [report] = WasiGuest(environment).run("raise MemoryError('mine')")

    assert report.outcome is Outcome.ERROR


@pytest.mark.parametrize(
    "source",
    [
        "def down(n): return down(n + 1)\ndown(0)",
        "import json\njson.loads('[' * 100_000)",
        "nested = []\nfor _ in range(100_000): nested = [nested]\nrepr(nested)",
    ],
)
def test_recursion_without_end_is_a_recursion_error(
    environment: LoadedEnvironment, source: str
) -> None:
    [report] = WasiGuest(environment).run(source)

    assert report.error is not None and report.error.type == "RecursionError"
    assert report.alive


@pytest.mark.parametrize(
    "source",
    [
        "import threading\nthreading.Thread(target=print).start()",
        "import subprocess\nsubprocess.run(['ls'])",
        "import socket\nsocket.socket()",
    ],
)
def test_what_wasi_does_not_have_fails_as_an_exception(
    environment: LoadedEnvironment, source: str
) -> None:
    [report] = WasiGuest(environment).run(source)

    assert report.outcome is Outcome.ERROR
    assert report.alive


PACKAGES: dict[str, tuple[str, object]] = {
    "numpy": (
        """
import numpy as np
[int(np.arange(6).reshape(2, 3).sum()), float(np.linalg.solve([[2, 0], [0, 4]], [2, 4])[1])]
""",
        [15, 1.0],
    ),
    "pandas": (
        """
import io, pandas as pd
frame = pd.read_csv(io.StringIO("k,v\\na,1\\nb,2\\na,3"))
frame.groupby("k").v.sum().to_dict()
""",
        {"a": 4, "b": 2},
    ),
    "scipy": (
        """
from scipy import optimize
round(float(optimize.brentq(lambda x: x*x - 2, 0, 2)), 6)
""",
        1.414214,
    ),
    "scikit-learn": (
        """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
X, y = load_iris(return_X_y=True)
RandomForestClassifier(10, random_state=0).fit(X, y).score(X, y) > 0.95
""",
        True,
    ),
    "statsmodels": (
        """
import numpy as np, statsmodels.api as sm
x = np.arange(20.)
[round(float(p), 6) for p in sm.OLS(2*x + 1, sm.add_constant(x)).fit().params]
""",
        [1.0, 2.0],
    ),
    "matplotlib": (
        """
import matplotlib
matplotlib.use('agg')
import os, matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 4, 9])
axes.set_title('Ärger')
figure.savefig('chart.png')
plt.close()
[open('chart.png', 'rb').read(4)[1:].decode(), sorted(os.listdir())]
""",
        ["PNG", ["chart.png"]],
    ),
    "pillow": (
        """
from PIL import Image
Image.new('RGB', (8, 6), 'red').rotate(90, expand=True).save('a.png')
list(Image.open('a.png').size)
""",
        [6, 8],
    ),
    "lxml": (
        """
from lxml import etree
try: etree.fromstring('<a>')
except etree.XMLSyntaxError: caught = True
[etree.fromstring('<a><b/><b/></a>').xpath('count(//b)'), caught]
""",
        [2.0, True],
    ),
    "sympy": (
        """
import sympy
x = sympy.Symbol('x')
str(sympy.integrate(x * sympy.sin(x), x))
""",
        "-x*cos(x) + sin(x)",
    ),
    "networkx": (
        """
import networkx as nx
nx.shortest_path(nx.path_graph(5), 0, 4)
""",
        [0, 1, 2, 3, 4],
    ),
    "openpyxl": (
        """
import openpyxl
book = openpyxl.Workbook()
book.active.append([1, 2])
book.save('a.xlsx')
openpyxl.load_workbook('a.xlsx').active['B1'].value
""",
        2,
    ),
    "pyyaml": (
        """
import yaml
yaml.safe_load('a: [1, 2]')
""",
        {"a": [1, 2]},
    ),
    "beautifulsoup4": (
        """
from bs4 import BeautifulSoup
BeautifulSoup('<p>x<b>y</b>', 'lxml').b.text
""",
        "y",
    ),
    "metadata": (
        """
from importlib.metadata import version
version('numpy')
""",
        "2.5.2",
    ),
}


@pytest.mark.parametrize(("source", "expected"), PACKAGES.values(), ids=PACKAGES.keys())
def test_each_built_in_package_gives_the_right_result(
    environment: LoadedEnvironment, source: str, expected: object
) -> None:
    assert value_of(environment, source) == expected


def test_fonts_have_been_found_already(environment: LoadedEnvironment) -> None:
    source = (
        "import os, matplotlib\n"
        "[os.path.islink(os.path.join(matplotlib.get_cachedir(), name))"
        " for name in os.listdir(matplotlib.get_cachedir())]"
    )
    assert value_of(environment, source) == [True]


def test_a_descriptor_can_be_duplicated(environment: LoadedEnvironment) -> None:
    source = """
import os
first = os.open("a", os.O_RDWR | os.O_CREAT)
second = os.dup(first)
os.write(first, b"one ")
os.close(first)
os.write(second, b"two")
try:
    os.dup(first)
    said = None
except OSError as error:
    said = error.strerror
[open("a").read(), said]
"""
    assert value_of(environment, source) == ["one two", "Bad file descriptor"]


def test_numpy_reads_and_writes_files(environment: LoadedEnvironment) -> None:
    source = """
import numpy as np
given = np.arange(5.0)
with open("a", "wb") as file:
    file.write(b"12345678")
    given.tofile(file)
with open("a", "rb") as file:
    file.seek(16)
    some = np.fromfile(file, count=2).tolist()
    reached = file.tell()
[some, reached, np.fromfile("a", offset=8).tolist()]
"""
    assert value_of(environment, source) == [[1.0, 2.0], 32, [0.0, 1.0, 2.0, 3.0, 4.0]]
