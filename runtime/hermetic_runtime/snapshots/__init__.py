"""Snapshots: interpreters that have already started, kept as files and mapped when needed."""
