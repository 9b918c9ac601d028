"""The host of Hermetic: kernel, interpreter, guest processes and sandboxes.

A library on its own: `hermetic_runtime.sandbox` has `run` and `Sandbox`,
`hermetic_runtime.async_sandbox` the same for asyncio.
"""
