"""The figures of a script, through the backend that it has."""

import importlib
import os

from matplotlib._pylab_helpers import managers
from matplotlib.figure import Figure

_backend = importlib.import_module(os.environ["MPLBACKEND"].removeprefix("module://"))


def figure(label="figure"):
    canvas = _backend.FigureCanvas(Figure(label))
    number = max(managers, default=0) + 1
    managers[number] = canvas.manager_class(canvas, number)
    return canvas.figure


def show():
    _backend.FigureCanvas.manager_class.pyplot_show()


def get_fignums():
    return sorted(managers)
