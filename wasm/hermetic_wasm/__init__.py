"""What runs inside the sandbox, and how it is prepared."""
