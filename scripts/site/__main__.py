"""Build the documentation site; any warning is a failure.

    python scripts/site [FOLDER]

FOLDER, `site` unless given, gets `pages` (the sources, the generated ones included) and `html`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from command_reference import command_reference
from http_reference import http_reference
from library_reference import library_reference
from settings_reference import settings_reference

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {
    "reference/library.md": library_reference,
    "reference/commands.md": command_reference,
    "reference/http.md": http_reference,
    "reference/settings.md": settings_reference,
}
FROM_ROOT = {"SECURITY.md": "security.md", "CHANGELOG.md": "changelog.md"}


def main(folder: Path) -> int:
    pages = folder / "pages"
    for made in (pages, folder / "html", folder / ".cache"):
        shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages)
    shutil.copy(ROOT / "zensical.toml", folder)
    for name, page in FROM_ROOT.items():
        shutil.copy(ROOT / name, pages / page)
    for page in pages.glob("*.md"):
        page.write_text(links_within_the_site(page.read_text()))
    for name, generate in GENERATED.items():
        (pages / name).parent.mkdir(exist_ok=True)
        (pages / name).write_text(generate())
    build = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(build, cwd=folder, check=False).returncode


def links_within_the_site(text: str) -> str:
    """The links of a page of the repository, as they are in the site; what is in the
    repository only is named and not linked.
    """
    for name, page in FROM_ROOT.items():
        text = text.replace(f"](../{name}", f"]({page}")
    text = re.sub(r"\[([^]]+)\]\(\.\./[^)]+\)", r"`\1`", text)
    return text.replace("](docs/", "](")


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "site").resolve()))
