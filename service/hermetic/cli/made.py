"""What Hermetic says of what a run made: its figures, other displays, and files."""

from __future__ import annotations

from collections.abc import Iterator

from hermetic_runtime.results import RunResult

_MOST_LISTED = 50


def describe_made(result: RunResult, out: str | None) -> Iterator[str]:
    """Lines for stderr; none where nothing was made. With `out`, the folder that the
    files and displays were written to, each is listed.
    """
    if out is not None:
        yield from _list_written(result.written, out)
    else:
        parts = _count_made(result)
        if parts:
            were = "was" if len(parts) == 1 and parts[0].startswith("1 ") else "were"
            yield f"{_join(parts)} {were} made; --out DIR keeps them"
    if result.displays_omitted:
        yield f"{_number(result.displays_omitted, 'display')} left out: too large, or too many"


def _list_written(written: list[str], out: str) -> Iterator[str]:
    folder = out.rstrip("/") or out
    for path in written[:_MOST_LISTED]:
        yield f"written: {folder}/{path}"
    if len(written) > _MOST_LISTED:
        yield f"written: {len(written) - _MOST_LISTED:,} more in {folder}"


def _count_made(result: RunResult) -> list[str]:
    figures = sum(_is_figure(display.data) for display in result.displays)
    counts = (
        (figures, "figure"),
        (len(result.displays) - figures, "display"),
        (len(result.files) + result.files_omitted, "file"),
    )
    return [_number(count, noun) for count, noun in counts if count]


def _is_figure(forms: dict[str, str]) -> bool:
    return any(kind.startswith("image/") for kind in forms)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _join(parts: list[str]) -> str:
    return " and ".join((", ".join(parts[:-1]), parts[-1]) if len(parts) > 1 else parts)
