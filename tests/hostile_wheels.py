"""What is in wheels that leave a mark wherever any of their code runs."""

from __future__ import annotations

from pathlib import Path


def leaving_marks(mark: Path, name: str = "hermetic_probe") -> dict[str, bytes]:
    """Files of a wheel whose code, run on the host, makes the file `mark`; run in a guest,
    /workspace/mark. It is in every place from which some tool runs code by itself.
    """
    leave = (
        "import os, pathlib\n"
        f"for path in ({str(mark)!r}, '/workspace/mark'):\n"
        "    if os.path.isdir(os.path.dirname(path)): pathlib.Path(path).touch()\n"
        "os.environ['probe'] = '1'\n"
    ).encode()
    line = b"import os; exec(" + repr(leave.decode()).encode() + b")\n"
    info, data = f"{name}-1.0.dist-info", f"{name}-1.0.data"
    return {
        f"{name}/__init__.py": leave,
        f"{name}.pth": line,
        f"{name}-nspkg.pth": line,
        "sitecustomize.py": leave,
        "usercustomize.py": leave,
        "conftest.py": leave,
        "setup.py": leave,
        f"{data}/scripts/probe": b"#!python\n" + leave,
        f"{data}/data/lib/{name}.pth": line,
        f"{info}/entry_points.txt": (
            f"[console_scripts]\nprobe = {name}:main\n[uv.plugins]\nprobe = {name}\n"
        ).encode(),
    }
