"""matplotlib itself, in the interpreter that has it."""

from __future__ import annotations

import inspect
import struct
from base64 import b64decode
from typing import Any

import pytest

from hermetic_runtime import sandbox
from hermetic_runtime.results import RunResult

pytestmark = pytest.mark.skipif(
    "interpreter" not in inspect.signature(sandbox.run).parameters,
    reason="an interpreter can't be chosen",
)
IMPORT = "import matplotlib.pyplot as plt\n"


def run(code: str, **options: Any) -> RunResult:
    wanted: dict[str, Any] = {"interpreter": "wasi"}
    return sandbox.run(code, **wanted, **options)


def png_sizes(result: RunResult) -> list[tuple[int, int]]:
    """(width, height) in pixels; fails for what is no PNG."""
    images = [b64decode(display.data["image/png"]) for display in result.displays]
    assert all(image.startswith(b"\x89PNG\r\n\x1a\n") for image in images)
    return [struct.unpack(">II", image[16:24]) for image in images]


def test_show_makes_a_png() -> None:
    result = run(IMPORT + "plt.plot([1, 3, 2]); plt.show(); plt.get_fignums()")

    ((width, height),) = png_sizes(result)
    assert 400 < width < 700
    assert 300 < height < 500
    assert result.value is not None
    assert result.value.json == []


def test_a_figure_left_open_is_shown_whether_or_not_values_are_wanted() -> None:
    assert len(png_sizes(run(IMPORT + "plt.plot([1, 2])", capture_value=False))) == 1


def test_a_figure_that_is_the_value_is_shown_once() -> None:
    assert len(png_sizes(run(IMPORT + "figure, axes = plt.subplots(); figure"))) == 1


def test_a_figure_that_pyplot_does_not_know_is_shown_as_the_value() -> None:
    code = "from matplotlib.figure import Figure; figure = Figure(); figure.subplots(); figure"

    assert len(png_sizes(run(code))) == 1


def test_figures_are_shown_whatever_backend_the_script_chooses() -> None:
    code = "import matplotlib; matplotlib.use('Agg')\n" + IMPORT + "plt.plot([1])"

    assert len(png_sizes(run(code))) == 1


def test_size_and_resolution_are_the_figures_own() -> None:
    code = IMPORT + "plt.figure(figsize=(2, 1), dpi=200); plt.plot([1]); plt.show()"

    ((width, _),) = png_sizes(run(code))

    assert 300 < width < 500


def test_a_figure_leaves_no_files_in_the_workspace() -> None:
    assert run(IMPORT + "plt.plot([1, 2]); plt.show()").files == []


def test_a_data_frame_is_shown_as_html() -> None:
    result = run("import pandas; pandas.DataFrame({'a': [1]})")

    assert "<table" in result.displays[0].data["text/html"]


def test_an_image_of_pillow_is_shown_as_png() -> None:
    result = run("from PIL import Image; Image.new('RGB', (9, 7))")

    assert png_sizes(result) == [(9, 7)]
