"""What is slow the first time, done before somebody waits for it."""

import io
import sys

from hermetic_guest import failures, values


def warm():
    """Format an error and a value, and use each package that was imported: before a snapshot."""
    values.describe([0], 100)
    try:
        raise ValueError
    except ValueError as error:
        failures.format_traceback(error, __file__)
    for name, use in (*_QUICK_USES, *_SLOW_USES):
        _use(name, use)


def use_package(request):
    """Use again, by its number, what is quick and leaves no trace: what it needs is then in memory.
    So short a time it takes that a run can wait for it.
    """
    uses = [use for use in _QUICK_USES if use[0] in sys.modules]
    number = request["number"]
    for name, use in uses[number : number + 1]:
        _use(name, use)
    return {"is_last": number + 1 >= len(uses)}


def _use(name, use):
    if name in sys.modules:
        try:
            use(sys.modules[name])
        except Exception:
            return


def _draw_figure(pyplot):
    figure, axes = pyplot.subplots()
    axes.plot([0, 1], [0, 1], label="x")
    axes.set_title("x")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close(figure)


def _show_table(pandas):
    str(pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}))


def _read_table(pandas):
    str(pandas.read_csv(io.StringIO("a,b\n1,2.5\n3,4.5\n")).sum())


def _group_table(pandas):
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    str(table.groupby("b")["a"].sum())


def _describe_table(pandas):
    str(pandas.DataFrame({"a": [1.0, 2.0]}).describe())


def _join_tables(pandas):
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    table[table.a > 1].sort_values("b").merge(table, on="a", how="left")


def _define_model(pydantic):
    model = type("Warm", (pydantic.BaseModel,), {"__annotations__": {"a": int, "b": str | None}})
    try:
        model(a="x", b=None)
    except pydantic.ValidationError as error:
        str(error)


def _multiply(numpy):
    str(numpy.arange(4.0).reshape(2, 2) @ numpy.eye(2))


_QUICK_USES = (
    ("numpy", _multiply),
    ("pandas", _show_table),
    ("pandas", _read_table),
    ("pandas", _group_table),
    ("pandas", _describe_table),
    ("pandas", _join_tables),
    ("pydantic", _define_model),
)
_SLOW_USES = (("matplotlib.pyplot", _draw_figure),)
