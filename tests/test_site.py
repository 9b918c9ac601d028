"""The documentation site, built as it is published."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import hermetic
from hermetic.settings import ServiceSettings

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, ROOT / "scripts/site", folder]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def pages_of(navigation: Any) -> Iterator[str]:
    for entry in navigation:
        for below in entry.values():
            yield from [below] if isinstance(below, str) else pages_of(below)


def test_the_site_builds_without_warnings_and_has_every_page(site: Path):
    for page in pages_of(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]):
        name = page.removesuffix("index.md").removesuffix(".md")
        assert (site / name / "index.html").is_file(), page


def test_every_document_is_in_the_navigation():
    navigation = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    documents = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert documents <= set(pages_of(navigation))


def test_a_page_loads_nothing_from_another_host(site: Path):
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|img|iframe)\b[^>]*\bsrc=[\"']?([^\"' >]+)", page.read_text()
        )
        loaded += re.findall(r"<link\b[^>]*\bhref=[\"']?([^\"' >]+)", page.read_text())
        assert not [place for place in loaded if "//" in place], page


def test_the_reference_has_every_public_name(site: Path):
    page = (site / "reference/library/index.html").read_text()
    for name in hermetic.__all__:
        assert f'id="{name.lower()}"' in page, name


def test_the_reference_has_every_command(site: Path):
    page = (site / "reference/commands/index.html").read_text()
    for name in ("run", "session-new", "key-create", "cache-clear"):
        assert f'id="hermetic-{name}"' in page, name


def test_the_reference_has_every_call(site: Path):
    page = (site / "reference/http/index.html").read_text()
    for name in ("post-v1run", "get-v1runsid", "delete-v1runsid"):
        assert f'id="{name}"' in page, name


def test_the_reference_has_every_setting(site: Path):
    page = (site / "reference/settings/index.html").read_text()
    for field in fields(ServiceSettings):
        assert f"<code>HERMETIC_{field.name.upper()}</code>" in page, field.name
