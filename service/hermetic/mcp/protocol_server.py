"""The server of the SDK, where what it tells a client is to be in our words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from anyio import AsyncFile
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, InputRequiredResult
from mcp_types import Tool as ListedTool
from pydantic import AnyUrl, ValidationError

from hermetic.errors import MalformedBody
from hermetic.mcp.answers import answers_on_stdout
from hermetic.mcp.links import typed
from hermetic.mcp.questions import questions_on_stdin
from hermetic.validation import wrong_places

_MOST_PLACES = 5


class ProtocolServer(MCPServer[Any]):
    """Takes no argument that it does not know: a misspelt one would be left out silently.
    Resources have the types of their links.
    """

    _known: dict[str, list[str]] | None = None

    async def _arguments(self) -> dict[str, list[str]]:
        """The names of the arguments of each tool. Tools are added before the first call."""
        if self._known is None:
            tools = await self.list_tools()
            self._known = {it.name: list(it.input_schema["properties"]) for it in tools}
        return self._known

    async def list_tools(self) -> list[ListedTool]:
        tools = await super().list_tools()
        for tool in tools:
            tool.input_schema["additionalProperties"] = False
        return tools

    async def run_stdio_async(self) -> None:
        """Until stdin ends."""
        server = self._lowlevel_server
        with questions_on_stdin() as questions, answers_on_stdout() as answers:
            stdin = cast("AsyncFile[str] | None", questions)
            async with stdio_server(stdin, answers) as (requests, responses):
                await server.run(requests, responses, server.create_initialization_options())

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Raises `ToolError`."""
        known = (await self._arguments()).get(name)
        for argument in arguments:
            if known is not None and argument not in known:
                raise _refusal(
                    f"there is no argument {argument[:60]!r}; there are {', '.join(known)}"
                )
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if isinstance(error.__cause__, ToolError):  # which the SDK puts words of its own before
                raise error.__cause__ from None
            if not isinstance(error.__cause__, ValidationError):
                raise
            places = wrong_places(error.__cause__, arguments)[:_MOST_PLACES]
            words = "; ".join(f"{place}: {what}" for place, what in places)
            raise _refusal(f"the arguments are not what is asked for: {words}") from error.__cause__

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        found = await super().read_resource(uri, context)
        if isinstance(found, InputRequiredResult):
            return found
        return [typed(str(uri), each) for each in found]


def _refusal(message: str) -> ToolError:
    return ToolError(f"{message} [{MalformedBody.code}]")
