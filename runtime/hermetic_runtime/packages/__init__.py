"""Packages for guests: requirements, resolved by uv into package sets."""
