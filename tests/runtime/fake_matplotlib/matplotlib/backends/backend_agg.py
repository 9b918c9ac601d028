"""The canvas that backends without a window derive from."""


class FigureCanvasAgg:
    def __init__(self, figure):
        self.figure = figure
