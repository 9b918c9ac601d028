"""Hermetic runs untrusted Python.

Names are imported when they are first used, so that `import hermetic` is quick.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # without `typing`, whose import would delay everything
if TYPE_CHECKING:
    from hermetic_runtime.async_sandbox import AsyncSandbox, run_async
    from hermetic_runtime.async_session import AsyncSession
    from hermetic_runtime.errors import HermeticError
    from hermetic_runtime.limits import Limits
    from hermetic_runtime.mounts import Mount
    from hermetic_runtime.results import Outcome, RunResult
    from hermetic_runtime.sandbox import Sandbox, run
    from hermetic_runtime.sessions.session import Session

__all__ = [
    "AsyncSandbox",
    "AsyncSession",
    "HermeticError",
    "Limits",
    "Mount",
    "Outcome",
    "RunResult",
    "Sandbox",
    "Session",
    "run",
    "run_async",
]

_MODULES = {
    "AsyncSandbox": "async_sandbox",
    "AsyncSession": "async_session",
    "HermeticError": "errors",
    "Limits": "limits",
    "Mount": "mounts",
    "Outcome": "results",
    "RunResult": "results",
    "Sandbox": "sandbox",
    "Session": "sessions.session",
    "run": "sandbox",
    "run_async": "async_sandbox",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"hermetic_runtime.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
