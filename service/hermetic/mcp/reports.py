"""A result as an MCP client shows it: text that a model reads well, images, and data."""

from __future__ import annotations

from typing import Any

from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent

from hermetic.mcp.links import resource_links
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult

TEXT_CHARACTERS = 20_000
"""The most of each part of the text; beginning and end are kept."""
DATA_CHARACTERS = 100_000
"""The most of each stream in the structured content."""
_MOST_FILES = 20
"""The most files that the text names."""
_IMAGES = ("image/png", "image/jpeg")
_TEXTS = ("text/markdown", "text/html", "image/svg+xml", "text/latex")


def tool_result(result: RunResult, files: str | None = None) -> CallToolResult:
    """What `python_execute` answers. Whatever did not end well is marked as an error.

    `files` is what the URIs of the files begin with that the run made, if they are kept.
    """
    content: list[ContentBlock] = [TextContent(type="text", text=report_text(result))]
    for display in result.displays:
        content.extend(
            ImageContent(type="image", data=display.data[kind], mime_type=kind)
            for kind in _IMAGES
            if kind in display.data
        )
    if files is not None:
        content.extend(resource_links(files, result.files))
    return CallToolResult(
        content=content,
        structured_content=_structured(result),
        is_error=result.outcome is not Outcome.OK,
    )


def report_text(result: RunResult) -> str:
    """stdout, stderr, displays, the value, the error; a heading over each but for stdout alone."""
    parts: list[tuple[str, str]] = [("stdout", result.stdout.text)]
    stderr = result.stderr.text
    if result.error is not None and result.error.traceback:
        stderr = stderr.removesuffix(result.error.traceback)
    parts.append(("stderr", stderr))
    parts += [("display", text) for text in _display_texts(result)]
    if result.value is not None:
        parts.append(("value", result.value.repr))
    if result.outcome is not Outcome.OK:
        parts.append((f"outcome: {result.outcome}", _error_text(result)))
    parts.append(("files", _file_list(result)))
    parts.append(("notes", "\n".join(result.notes)))
    parts = [(name, text) for name, text in parts if text.strip()]
    if not parts:
        return "(the code ended well and printed nothing)"
    if len(parts) == 1 and parts[0][0] == "stdout":
        return shortened(parts[0][1], TEXT_CHARACTERS)
    return "\n".join(f"[{name}]\n{shortened(text, TEXT_CHARACTERS)}" for name, text in parts)


def _display_texts(result: RunResult) -> list[str]:
    shown: list[str] = []
    for display in result.displays:
        if any(kind in display.data for kind in _IMAGES):
            continue
        plain = display.data.get("text/plain", "")
        if result.value is not None and plain == result.value.repr:
            continue
        shown.append(plain or next((display.data[k] for k in _TEXTS if k in display.data), ""))
    return shown


def _file_list(result: RunResult) -> str:
    """Of what the code made in /workspace."""
    lines = [f"{file.path} ({file.size:,} bytes)" for file in result.files[:_MOST_FILES]]
    more = len(result.files) - len(lines) + result.files_omitted
    return "\n".join([*lines, f"and {more:,} more"] if more else lines)


def _error_text(result: RunResult) -> str:
    error = result.error
    if error is None:
        return f"exit code {result.exit_code}"
    text = error.traceback or f"{error.type}: {error.message}"
    if error.hint is not None:
        text = f"{text.rstrip()}\n({error.hint})"
    return f"{text.rstrip()}\n(limit {error.limit})" if error.limit else text


def shortened(text: str, most: int) -> str:
    """At most about `most` characters, beginning and end, with what was left out between."""
    text = text.rstrip("\n")
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def _structured(result: RunResult) -> dict[str, Any]:
    """`RunResult.to_dict`, without the images, which are there already, and not too long."""
    fields = result.to_dict()
    for stream in ("stdout", "stderr"):
        if len(fields[stream]["text"]) > DATA_CHARACTERS:
            text = fields[stream]["text"][:DATA_CHARACTERS]
            fields[stream] = {"text": text, "truncated": True}
    for display in fields["displays"]:
        for kind in _IMAGES:
            display["data"].pop(kind, None)
    return fields
