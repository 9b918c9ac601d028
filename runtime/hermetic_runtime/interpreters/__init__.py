"""Interpreters: loaded into a process, and instances of them for guests."""
