"""What a backend derives its canvas and manager from."""


class FigureManagerBase:
    def __init__(self, canvas, num):
        self.canvas = canvas
        self.num = num
