"""Rich displays, and figures of a stand-in for matplotlib with the same structure."""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path

from sandbox_options import SandboxOptions

from hermetic_runtime.limits import Limits
from hermetic_runtime.mounts import Mount
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Sandbox, run

FAKE_MATPLOTLIB = Mount(Path(__file__).parent / "fake_matplotlib", "/fake")
IMPORT_PYPLOT = "import sys; sys.path.append('/fake'); import matplotlib.pyplot as plt\n"
SHOWS = """
class Shows:
    def __init__(self, **forms): self.forms = forms
    def __repr__(self): return 'shows'
    def _repr_html_(self): return self.forms.get('html')
    def _repr_markdown_(self): return self.forms.get('markdown')
    def _repr_svg_(self): return self.forms.get('svg')
    def _repr_png_(self): return self.forms.get('png')
    def _repr_jpeg_(self): return self.forms.get('jpeg')
    def _repr_mimebundle_(self, include=None, exclude=None): return self.forms.get('bundle')
"""


def displays_of(result: RunResult) -> list[dict[str, str]]:
    return [display.data for display in result.displays]


def plot(code: str, *, capture_value: bool = True, limits: Limits | None = None) -> RunResult:
    return run(
        IMPORT_PYPLOT + code, mounts=[FAKE_MATPLOTLIB], capture_value=capture_value, limits=limits
    )


def figures_of(result: RunResult) -> list[str]:
    return [b64decode(display.data["image/png"]).decode() for display in result.displays]


def test_what_the_last_value_shows_of_itself_is_a_display(options: SandboxOptions) -> None:
    result = run(SHOWS + "Shows(html='<b>', markdown='*b*', svg='<svg/>', png=b'png')", **options)

    assert displays_of(result) == [
        {
            "text/plain": "shows",
            "text/html": "<b>",
            "text/markdown": "*b*",
            "image/svg+xml": "<svg/>",
            "image/png": b64encode(b"png").decode(),
        }
    ]


def test_a_value_that_only_has_a_repr_is_no_display() -> None:
    assert run("[1, 2]").displays == []


def test_a_value_that_is_not_asked_for_is_no_display() -> None:
    assert run(SHOWS + "Shows(html='<b>')", capture_value=False).displays == []


def test_display_shows_whatever_it_is_given() -> None:
    result = run(SHOWS + "display(3, Shows(html='<b>'))", capture_value=False)

    assert displays_of(result) == [
        {"text/plain": "3"},
        {"text/plain": "shows", "text/html": "<b>"},
    ]


def test_a_bundle_gives_several_forms_and_json_as_text() -> None:
    bundle = "({'text/html': '<b>', 'image/gif': b'gif', 'application/json': {'a': [1]}}, {})"

    assert displays_of(run(f"{SHOWS}Shows(bundle={bundle})")) == [
        {
            "text/plain": "shows",
            "text/html": "<b>",
            "image/gif": b64encode(b"gif").decode(),
            "application/json": '{"a": [1]}',
        }
    ]


def test_an_image_that_has_a_png_is_not_shown_as_jpeg_too() -> None:
    (shown,) = displays_of(run(SHOWS + "Shows(png=b'png', jpeg=b'jpeg')"))

    assert "image/jpeg" not in shown


def test_an_object_that_answers_to_every_name_shows_nothing() -> None:
    result = run("class Proxy:\n    def __getattr__(self, name): return lambda: '<b>'\nProxy()")

    assert (result.outcome, result.displays) == (Outcome.OK, [])


def test_a_method_that_raises_is_left_out() -> None:
    code = (
        "class Broken:\n    def _repr_html_(self): 1/0\n    def _repr_svg_(self): return 's'\n"
        "Broken()"
    )

    (shown,) = displays_of(run(code))

    assert sorted(shown) == ["image/svg+xml", "text/plain"]


def test_displays_that_do_not_fit_are_counted(options: SandboxOptions) -> None:
    result = run(
        SHOWS + "for _ in range(3): display(Shows(html='x' * 400))",
        limits=Limits(display_bytes=1000),
        **options,
    )

    assert result.outcome is Outcome.OK
    assert (len(result.displays), result.displays_omitted) == (2, 1)


def test_displays_beyond_a_hundred_are_counted() -> None:
    result = run("for number in range(105): display(number)")

    assert (len(result.displays), result.displays_omitted) == (100, 5)


def test_text_that_is_not_unicode_is_shown_with_replacements() -> None:
    (shown,) = displays_of(run(SHOWS + "Shows(html='\\udcff' * 10)"))

    assert shown["text/html"] == "\ufffd" * 10


def test_each_run_has_displays_of_its_own() -> None:
    with Sandbox() as sandbox:
        assert len(sandbox.run("display(1)").displays) == 1
        assert sandbox.run("2").displays == []


def test_show_makes_displays_of_open_figures_and_closes_them() -> None:
    result = plot("plt.figure('a'); plt.figure('b'); plt.show(); plt.get_fignums()")

    assert figures_of(result) == ["png of a", "png of b"]
    assert result.displays[0].data["text/plain"] == "<a>"
    assert result.value is not None
    assert result.value.json == []


def test_a_figure_left_open_is_shown_at_the_end() -> None:
    assert figures_of(plot("plt.figure('a')\nprint()", capture_value=False)) == ["png of a"]


def test_a_figure_left_open_is_closed_at_the_end_of_its_run() -> None:
    with Sandbox(mounts=[FAKE_MATPLOTLIB]) as sandbox:
        sandbox.run(IMPORT_PYPLOT + "plt.figure('a'); None")
        result = sandbox.run("plt.get_fignums()")

    assert result.displays == []
    assert result.value is not None
    assert result.value.json == []


def test_a_figure_left_open_by_code_that_failed_is_shown() -> None:
    result = plot("plt.figure('a'); 1/0")

    assert result.outcome is Outcome.ERROR
    assert figures_of(result) == ["png of a"]


def test_a_figure_left_open_by_code_that_exited_is_shown() -> None:
    assert figures_of(plot("plt.figure('a'); raise SystemExit")) == ["png of a"]


def test_a_figure_that_is_the_value_is_shown_once() -> None:
    assert figures_of(plot("plt.figure('a')")) == ["png of a"]


def test_a_figure_that_was_displayed_stays_open_and_is_not_shown_again() -> None:
    result = plot("display(plt.figure('a')); print(plt.get_fignums())")

    assert result.stdout.text == "[1]\n"
    assert figures_of(result) == ["png of a"]


def test_a_figure_that_can_not_be_drawn_is_named_and_the_others_are_shown() -> None:
    result = plot("plt.figure('broken'); plt.figure('a'); None")

    assert result.outcome is Outcome.OK
    assert result.stderr.text == "figure 1 could not be drawn: ValueError: it can't be drawn\n"
    assert figures_of(result) == ["png of a"]
    assert result.displays_omitted == 1


def test_show_raises_what_drawing_raises() -> None:
    result = plot("plt.figure('broken'); plt.show()")

    assert result.error is not None
    assert result.error.message == "it can't be drawn"


def test_a_figure_that_does_not_fit_is_counted() -> None:
    result = plot("plt.figure('a' * 200); None", limits=Limits(display_bytes=200))

    assert (result.displays, result.displays_omitted) == ([], 1)
