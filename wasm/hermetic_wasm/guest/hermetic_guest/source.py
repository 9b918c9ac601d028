"""Source text to a code object whose last expression leaves its value behind."""

import _ast
import linecache

VALUE = "<value>"
"""The global that holds the last expression's value: no identifier, so no clash."""

_ONLY_AST = 0x400
_TOP_LEVEL_AWAIT = 0x2000
"""PyCF_ONLY_AST and PyCF_ALLOW_TOP_LEVEL_AWAIT, CPython Include/cpython/compile.h."""


def compile_source(source, filename):
    """Compile bytes as Python would compile a file, coding cookie and all."""
    _remember(source, filename)
    tree = compile(source, filename, "exec", _ONLY_AST | _TOP_LEVEL_AWAIT, dont_inherit=True)
    if tree.body and isinstance(tree.body[-1], _ast.Expr):
        last = tree.body[-1]
        where = {
            "lineno": last.lineno,
            "col_offset": last.col_offset,
            "end_lineno": last.end_lineno,
            "end_col_offset": last.end_col_offset,
        }
        target = _ast.Name(VALUE, _ast.Store(), **where)
        tree.body[-1] = _ast.Assign([target], last.value, **where)
    return compile(tree, filename, "exec", _TOP_LEVEL_AWAIT, dont_inherit=True)


def _remember(source, filename):
    """Let tracebacks and `inspect` find the lines."""
    text = source.decode("utf-8", "replace")
    lines = text.splitlines(keepends=True)
    linecache.cache[filename] = (len(text), None, lines, filename)
