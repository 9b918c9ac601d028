"""Every program in examples/, through the real command line."""

from __future__ import annotations

import json
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


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
