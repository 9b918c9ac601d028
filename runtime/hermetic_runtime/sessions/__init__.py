"""Sessions: sandboxes with a name, which live across runs, processes and restarts."""
