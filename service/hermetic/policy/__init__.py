"""The policy engine: who may run what, how often, with which limits."""
