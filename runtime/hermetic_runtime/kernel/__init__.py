"""A small POSIX-like system held in memory. It knows of no ABI and no WebAssembly engine."""
