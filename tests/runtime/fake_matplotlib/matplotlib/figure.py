"""A figure, which can be saved unless it is labelled as broken."""


class Figure:
    def __init__(self, label="figure"):
        self.label = label

    def __repr__(self):
        return f"<{self.label}>"

    def savefig(self, file, **options):
        if self.label == "broken":
            raise ValueError("it can't be drawn")
        file.write(f"{options['format']} of {self.label}".encode())
