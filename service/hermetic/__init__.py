"""Hermetic runs untrusted Python.

Names are imported when they are first used, so that `import hermetic` is quick. Errors other
than their root are in `hermetic.errors`; what else is public is in `__all__`.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # without `typing`, whose import would delay everything
if TYPE_CHECKING:
    from hermetic_runtime.async_sandbox import AsyncSandbox, run_async
    from hermetic_runtime.async_session import AsyncSession
    from hermetic_runtime.errors import HermeticError
    from hermetic_runtime.import_rules import ImportRules
    from hermetic_runtime.limits import Limits
    from hermetic_runtime.mounts import Mount
    from hermetic_runtime.packages.settings import PackageSettings
    from hermetic_runtime.reported import Outcome
    from hermetic_runtime.results import RunResult
    from hermetic_runtime.sandbox import Sandbox, run
    from hermetic_runtime.sessions.session import Session
    from hermetic_runtime.sessions.store import list_sessions

__all__ = [
    "AsyncSandbox",
    "AsyncSession",
    "HermeticError",
    "ImportRules",
    "Limits",
    "Mount",
    "Outcome",
    "PackageSettings",
    "RunResult",
    "Sandbox",
    "Session",
    "list_sessions",
    "run",
    "run_async",
]

_MODULES = {
    "AsyncSandbox": "async_sandbox",
    "AsyncSession": "async_session",
    "HermeticError": "errors",
    "ImportRules": "import_rules",
    "Limits": "limits",
    "Mount": "mounts",
    "Outcome": "reported",
    "PackageSettings": "packages.settings",
    "RunResult": "results",
    "Sandbox": "sandbox",
    "Session": "sessions.session",
    "list_sessions": "sessions.store",
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
