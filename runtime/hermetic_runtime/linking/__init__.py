"""Dynamic linking: extension modules of packages, brought into running guests."""
