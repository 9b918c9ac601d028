"""Every program in examples/, through the real command line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
REVENUE = """\
shop
Porto    8018.25
Oslo     7000.15
Ghent    6861.35
best week: 2026-03-16
"""


def test_every_example_has_a_test():
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    for example in EXAMPLES.glob("*.py"):
        assert any(test.startswith(example.stem) for test in tests), example.name


def test_hello_sees_a_world_of_its_own(hermetic):
    done = hermetic("run", EXAMPLES / "hello.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Hello from a sandbox.\n")
    assert "/workspace, with nothing in it" in done.stdout


def test_csv_report_totals_its_sample(hermetic):
    header, *rows = hermetic("run", EXAMPLES / "csv_report.py").stdout.splitlines()
    assert header.split() == ["shop", "units", "revenue", "best", "seller"]
    assert [row.split() for row in rows] == [
        ["Porto", "40", "260.40", "coffee"],
        ["Ghent", "30", "145.50", "tea"],
    ]


def test_csv_report_reads_a_mounted_file(hermetic, tmp_path: Path):
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales/2026.csv").write_text(
        "day,shop,product,units,price\n2026-01-02,Oslo,tea,2,5\n"
    )
    done = hermetic("run", "--mount", "sales:/sales", EXAMPLES / "csv_report.py", "/sales/2026.csv")
    assert done.stdout.splitlines()[1].split() == ["Oslo", "2", "10.00", "tea"]


def test_async_kitchen_serves_every_order(hermetic):
    done = hermetic("run", EXAMPLES / "async_kitchen.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("table ") == 6
    assert done.stdout.endswith("6 of 6 orders served\n")


def test_pandas_report_prints_a_table_and_draws_a_chart(hermetic, tmp_path: Path):
    mount = f"{EXAMPLES / 'data'}:/data"
    done = hermetic("run", "--mount", mount, "--out", "out", EXAMPLES / "pandas_report.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == REVENUE
    assert (tmp_path / "out/revenue.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_pydantic_orders_explains_what_is_wrong(hermetic):
    done = hermetic("run", EXAMPLES / "pydantic_orders.py")
    assert done.returncode == 0, done.stderr
    assert "order 2 is refused:\n  item: String should have at least 1 character" in done.stdout
    assert done.stdout.endswith("order 3: 12 x honey, due 01 April\n")


def test_iris_classifier_names_most_flowers(hermetic):
    done = hermetic("run", EXAMPLES / "iris_classifier.py")
    assert done.returncode == 0, done.stderr
    accuracy = done.stdout.split()[2]
    assert done.stdout.startswith("45 flowers, ") and int(accuracy.rstrip("%")) > 90


def test_workbook_can_be_opened(hermetic, tmp_path: Path):
    done = hermetic("run", "--out", "out", EXAMPLES / "workbook.py")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "out/budget.xlsx") as book:
        assert b"SUM(B2:B5)" in book.read("xl/worksheets/sheet1.xml")
        assert "xl/charts/chart1.xml" in book.namelist()


def test_soup_headlines_reads_a_page(hermetic):
    page = b"<h2>One</h2><a href='/1'>more</a><h2>Two</h2>"
    done = hermetic("run", EXAMPLES / "soup_headlines.py", "-", stdin=page)
    assert done.stdout == "One  (/1)\nTwo  (no link)\n"


def test_adventure_can_be_won(hermetic):
    commands = b"take lamp\nnorth\ntake key\nsouth\ndown\neast\n"
    done = hermetic("run", EXAMPLES / "adventure.py", stdin=commands)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("You are out.\n")


def test_adventure_ends_with_its_input(hermetic):
    done = hermetic("run", EXAMPLES / "adventure.py", stdin=b"down\neast\n")
    assert done.returncode == 1
    assert "It is pitch dark." in done.stdout


def test_json_transform_groups_records(hermetic):
    people = [
        {"name": "Ada", "city": "Ghent", "age": 36},
        {"name": "Bo", "city": "Ghent", "age": 30},
        {"name": "Cy", "city": "Évora", "age": 41},
    ]
    done = hermetic(
        "run", EXAMPLES / "json_transform.py", "city", stdin=json.dumps(people).encode()
    )
    assert json.loads(done.stdout) == {
        "Ghent": {"count": 2, "mean": {"age": 33}},
        "Évora": {"count": 1, "mean": {"age": 41}},
    }


def test_json_transform_explains_input_that_is_not_json(hermetic):
    done = hermetic("run", EXAMPLES / "json_transform.py", "city", stdin=b"{")
    assert done.returncode == 1
    assert done.stderr.startswith("standard input is not JSON: ")
