"""The audit log: what was decided of every call, and what became of it."""
