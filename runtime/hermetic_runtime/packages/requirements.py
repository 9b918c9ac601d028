"""Requirements: read from a file, checked, and brought into one normal form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement as MalformedRequirement
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from hermetic_runtime.errors import InvalidInput, InvalidRequirement, InvalidScript
from hermetic_runtime.packages.stated_requirement import StatedRequirement

_COMMENT = re.compile(r"(^|\s+)#.*$")
_HASHES = re.compile(r"(\s+--hash[= ]\S+)+\s*$")


def parse_requirement(stated: StatedRequirement, *, allow_direct: bool = False) -> Requirement:
    """Raises `InvalidScript` or `InvalidRequirement`, after where it was stated, when it is not
    PEP 508 or when it names a URL that is not allowed.
    """
    try:
        requirement = Requirement(stated.text)
    except MalformedRequirement as error:
        reason = str(error).splitlines()[0].rstrip(":")
        raise _refusal(stated, f"{stated.text!r} is not a requirement: {reason}") from error
    if requirement.url is not None:
        _check_url(stated, requirement.url, allow_direct)
    return requirement


def normal_form(requirement: Requirement) -> str:
    """The same text for requirements that differ in spelling only."""
    normal = Requirement(str(requirement))
    normal.name = canonicalize_name(requirement.name)
    normal.extras = {canonicalize_name(extra) for extra in requirement.extras}
    return str(normal)


def normal_forms(requirements: Iterable[Requirement]) -> list[str]:
    """Sorted, each once."""
    return sorted({normal_form(requirement) for requirement in requirements})


def python_specifier(stated: StatedRequirement) -> SpecifierSet:
    """Of `requires-python`. Raises `InvalidScript` or `InvalidRequirement`."""
    try:
        return SpecifierSet(stated.text)
    except InvalidSpecifier as error:
        message = f"requires-python {stated.text!r} is not a version specifier"
        raise _refusal(stated, message) from error


def read_requirements_file(path: Path) -> list[StatedRequirement]:
    """The requirements in a file: PEP 508, one a line, with comments and continued lines.

    Hashes are left out: the lock has its own. Raises `InvalidInput` when the file can't be
    read, and for every option of pip's, such as `-r` and `--index-url`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"{path} can't be read: {reason}") from error
    found: list[StatedRequirement] = []
    for number, line in _logical_lines(text):
        stated = StatedRequirement(_HASHES.sub("", line), f"{path}, line {number}")
        if stated.text.startswith("-"):
            raise InvalidInput(
                f"{stated.origin}: options are not supported in a requirements file: {line}",
                hint="Only requirements are read, one a line. Give several files for -r, and "
                "set UV_INDEX or UV_DEFAULT_INDEX for another index.",
            )
        found.append(stated)
    return found


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    start, pending = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("\\"):
            pending += line[:-1]
            continue
        whole = _COMMENT.sub("", pending + line).strip()
        if whole:
            yield start, whole
        start, pending = 0, ""
    if pending.strip():
        yield start, pending.strip()


def _check_url(stated: StatedRequirement, url: str, allow_direct: bool) -> None:
    scheme, _, rest = url.partition("://")
    if scheme != "https" or not rest.split("#")[0].split("?")[0].endswith(".whl"):
        raise _refusal(
            stated,
            f"{stated.text!r} would have to be built, which is never done on this machine",
            "Only wheels can be installed: from an index, or by the https URL of a wheel.",
        )
    if not allow_direct:
        raise _refusal(
            stated,
            f"{stated.text!r} names a URL, which is not allowed",
            "Allow it with --allow-direct-references, or PackageSettings("
            "allow_direct_references=True), if you trust that place.",
        )


def _refusal(stated: StatedRequirement, message: str, hint: str | None = None) -> InvalidInput:
    error = InvalidScript if stated.in_script else InvalidRequirement
    where = f"{stated.origin}: " if stated.origin else ""
    return error(f"{where}{message}", hint=hint)
