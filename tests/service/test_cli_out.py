"""What `hermetic run` says and keeps of what a script made."""

from __future__ import annotations

import json
from pathlib import Path

FIGURE = "class Figure:\n    def _repr_png_(self): return b'png'\n"


def test_one_line_says_what_was_made(hermetic, tmp_path: Path):
    code = FIGURE + "display(Figure()); open('a', 'w'); open('b', 'w')"

    done = hermetic("run", "-c", code)

    assert done.stderr == "hermetic: 1 figure and 2 files were made; --out DIR keeps them\n"
    assert list(tmp_path.iterdir()) == []


def test_displays_that_are_no_figures_are_called_displays(hermetic):
    code = FIGURE + "display(1); display(2); display(Figure()); open('a', 'w')"

    assert hermetic("run", "-c", code).stderr == (
        "hermetic: 1 figure, 2 displays and 1 file were made; --out DIR keeps them\n"
    )


def test_a_single_file_is_spoken_of_as_one(hermetic):
    assert hermetic("run", "-c", "open('a', 'w')").stderr == (
        "hermetic: 1 file was made; --out DIR keeps them\n"
    )


def test_the_value_of_the_last_expression_is_not_shown(hermetic):
    assert hermetic("run", "-c", FIGURE + "Figure()").stderr == ""


def test_out_keeps_what_was_made_and_lists_it(hermetic, tmp_path: Path):
    done = hermetic("run", "--out", "made", "-c", FIGURE + "display(Figure()); open('a', 'w')")

    assert done.stderr == "hermetic: written: made/a\nhermetic: written: made/display-1.png\n"
    assert (tmp_path / "made" / "display-1.png").read_bytes() == b"png"


def test_out_says_nothing_when_nothing_was_made(hermetic):
    assert hermetic("run", "--out", "made", "-c", "print(1)").stderr == ""


def test_out_keeps_what_was_made_before_an_error(hermetic, tmp_path: Path):
    done = hermetic("run", "--out", ".", "-c", "open('a', 'w').write('x'); 1/0")

    assert done.returncode == 1
    assert (tmp_path / "a").read_text() == "x"


def test_a_long_list_is_cut_short(hermetic):
    code = "for number in range(60): open(f'{number}', 'w')"

    lines = hermetic("run", "--out", "made", "-c", code).stderr.splitlines()

    assert (len(lines), lines[-1]) == (51, "hermetic: written: 10 more in made")


def test_displays_that_were_left_out_are_counted(hermetic):
    code = "for number in range(102): display(number)"

    assert "hermetic: 2 displays left out" in hermetic("run", "-c", code).stderr


def test_json_has_all_of_it_and_nothing_is_said(hermetic, tmp_path: Path):
    code = FIGURE + "open('a', 'w').write('x'); Figure()"

    done = hermetic("run", "--out", "made", "--json", "-c", code)

    result = json.loads(done.stdout)
    assert result["files"] == [{"path": "a", "size": 1}]
    assert result["written"] == ["a", "display-1.png"]
    assert done.stderr == ""


def test_an_out_that_can_not_be_used_is_an_error(hermetic, tmp_path: Path):
    (tmp_path / "file").touch()

    done = hermetic("run", "--out", "file", "-c", "print(1)")

    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing can be written to" in done.stderr
