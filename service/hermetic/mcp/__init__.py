"""The MCP door: `hermetic mcp`, and `/mcp` of `hermetic serve`."""
