"""Approvals: calls that a person has to agree to first."""
