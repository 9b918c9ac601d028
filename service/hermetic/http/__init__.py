"""The HTTP door: `hermetic serve`."""
