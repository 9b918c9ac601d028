"""matplotlib's figures as displays: a backend (`module://hermetic_guest.figures`).

It draws with Agg. `plt.show()` turns the open figures into displays and closes them, as
the inline backend of notebooks does; the end of a run does the same with those left open,
whatever backend they have.
"""

import io
import sys
from binascii import b2a_base64
from weakref import WeakSet

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hermetic_guest import displays

_shown = WeakSet()
"""Open figures that were shown as objects: what ends their time need not show them again."""


class FigureManager(FigureManagerBase):
    """Shows a figure by making it a display."""

    def show(self):
        """`figure.show()`."""
        _show_and_close(self)

    @classmethod
    def pyplot_show(cls, *, block=None):
        """`plt.show()`."""
        for manager in Gcf.get_all_fig_managers():
            _show_and_close(manager)


class FigureCanvas(FigureCanvasAgg):
    """The canvas that pyplot asks this backend for."""

    manager_class = FigureManager


def is_figure(shown):
    """Whether `shown` is a figure of matplotlib, which has no method to show itself."""
    return isinstance(shown, Figure)


def forms(figure):
    """MIME type to data, drawn as `savefig` does, with the margins that notebooks have.

    Raises what drawing it raises.
    """
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    _shown.add(figure)
    return {"image/png": b2a_base64(file.getvalue(), newline=False).decode("ascii")}


def show_open():
    """Show what is left open and was not shown, and close it.

    A figure that can't be drawn is named on stderr.
    """
    for manager in Gcf.get_all_fig_managers():
        if manager.canvas.figure in _shown:
            Gcf.destroy(manager)
            continue
        try:
            _show_and_close(manager)
        except Exception as error:
            displays.leave_out()
            kind = type(error).__name__
            print(f"figure {manager.num} could not be drawn: {kind}: {error}", file=sys.stderr)
            Gcf.destroy(manager)
    _shown.clear()


def _show_and_close(manager):
    displays.display(manager.canvas.figure)
    Gcf.destroy(manager)
