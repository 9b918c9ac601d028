"""What a request brings for its source: globals, and files in the workspace."""

import posix

_WORKSPACE = "/workspace"


def set_up(namespace, values, files):
    """Bind `values` in `namespace`, and write `files`: pairs of a relative path and bytes."""
    namespace.update(values)
    for path, data in files:
        *folders, _ = path.split("/")
        folder = _WORKSPACE
        for name in folders:
            folder = f"{folder}/{name}"
            try:
                posix.mkdir(folder)
            except FileExistsError:
                pass
        with open(f"{_WORKSPACE}/{path}", "wb") as file:
            file.write(data)
