"""A small POSIX-like system, in memory, under every ABI. It knows no WebAssembly."""
