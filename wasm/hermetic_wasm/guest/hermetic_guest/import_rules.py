"""What may be imported by code that is neither Python's own nor an installed package's.

Modules that are there already, because a snapshot or a package imported them, are refused
as well: it is asked at the import, not at the loading. Code that means to go around this can.
"""

import builtins
import importlib
import os
import sys

_LIBRARY = os.path.dirname(os.__file__) + "/"
_OURS = os.path.dirname(__file__) + "/"
_import = builtins.__import__
_import_module = importlib.import_module
_allowed = ("*",)
_denied = ()


def obey(rules):
    """From now on these: globs that allow, and globs that deny. None lets all pass."""
    global _allowed, _denied
    if rules is None:
        if builtins.__import__ is _checked_import:
            builtins.__import__ = _import
            importlib.import_module = _import_module
        return
    _allowed, _denied = rules
    builtins.__import__ = _checked_import
    importlib.import_module = _checked_import_module


def _checked_import(name, globals=None, locals=None, fromlist=(), level=0):  # noqa: A002
    # The interpreter's own functions, which import for themselves, give a list.
    if level == 0 and not isinstance(fromlist, list) and not _is_library(globals or {}):
        if not fromlist:
            _check(name)
        for attribute in fromlist or ():
            _check(name if attribute == "*" else f"{name}.{attribute}")
    return _import(name, globals, locals, fromlist, level)


def _checked_import_module(name, package=None):
    if not name.startswith(".") and not _is_library(sys._getframe(1).f_globals):
        _check(name)
    return _import_module(name, package)


def _is_library(importer):
    file = importer.get("__file__")
    if isinstance(file, str) and file.startswith((_LIBRARY, _OURS)):
        return True
    return getattr(importer.get("__spec__"), "origin", None) in ("frozen", "built-in")


def _check(name):
    """Raise ImportError unless the module, or a package that it is in, is allowed."""
    from fnmatch import fnmatchcase

    parts = name.split(".")
    names = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for pattern in _denied:
        if any(fnmatchcase(each, pattern) for each in names):
            message = f"policy refuses the import of {name}: it is denied by {pattern!r}"
            raise ImportError(message, name=name)
    if not any(fnmatchcase(each, pattern) for each in names for pattern in _allowed):
        message = f"policy refuses the import of {name}: it is not one of those allowed"
        raise ImportError(message, name=name)
