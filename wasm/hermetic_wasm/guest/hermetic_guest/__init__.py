"""The part of Hermetic that runs inside the guest.

It is ordinary Python at the mercy of the code it runs: nothing here is a wall.
What it answers is read by the host as hostile data. It imports as little as it can,
because every import is paid at the start of every sandbox.
"""
