"""What is slow the first time, done once before a snapshot is taken."""

import io
import sys

from hermetic_guest import failures, values


def warm():
    """Format an error and a value, and use once each package that was imported."""
    values.describe([0], 100)
    try:
        raise ValueError
    except ValueError as error:
        failures.format_traceback(error, __file__)
    for name, use in _USES.items():
        if name in sys.modules:
            try:
                use(sys.modules[name])
            except Exception:
                continue


def _draw_figure(pyplot):
    figure, axes = pyplot.subplots()
    axes.plot([0, 1], [0, 1], label="x")
    axes.set_title("x")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close(figure)


def _use_table(pandas):
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    str(table)
    str(table.groupby("b")["a"].sum())
    pandas.read_csv(io.StringIO("a,b\n1,2\n"))


def _define_model(pydantic):
    model = type("Warm", (pydantic.BaseModel,), {"__annotations__": {"a": int, "b": str | None}})
    try:
        model(a="x", b=None)
    except pydantic.ValidationError as error:
        str(error)


def _multiply(numpy):
    str(numpy.arange(4.0).reshape(2, 2) @ numpy.eye(2))


_USES = {
    "numpy": _multiply,
    "pandas": _use_table,
    "matplotlib.pyplot": _draw_figure,
    "pydantic": _define_model,
}
