"""As much of matplotlib's own structure as the guest's backend leans on."""
