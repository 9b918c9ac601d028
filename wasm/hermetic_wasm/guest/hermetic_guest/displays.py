"""Rich displays: what an object can show of itself, by MIME type, as in IPython."""

_METHODS = (
    ("_repr_html_", "text/html"),
    ("_repr_markdown_", "text/markdown"),
    ("_repr_svg_", "image/svg+xml"),
    ("_repr_png_", "image/png"),
    ("_repr_jpeg_", "image/jpeg"),
    ("_repr_latex_", "text/latex"),
)
_MOST = 100
"""Displays kept of one run."""

_shown = []
_budget = 0


def begin(limit):
    """Start a run that may show `limit` bytes in all."""
    global _budget
    _budget = limit
    _shown.clear()


def collected():
    """The displays of the run so far."""
    return list(_shown)


def display(*objects):
    """Show objects richly: in a result's `displays`, each with `text/plain` as well."""
    for shown in objects:
        if not _keep({"text/plain": repr(shown)} | rich_forms(shown)):
            raise ValueError("displays are larger than this sandbox allows (limit value_bytes)")


def show_value(value):
    """Show the value of the last expression, if it has more to show than its repr."""
    forms = rich_forms(value)
    if forms:
        _keep({"text/plain": repr(value)} | forms)


def rich_forms(shown):
    """MIME type to text (base64 for binary forms); methods that fail are left out."""
    forms = {}
    if isinstance(shown, type):
        return forms
    for name, mime in _METHODS:
        method = getattr(shown, name, None)
        if method is None or not callable(method):
            continue
        try:
            data = method()
        except Exception:
            continue
        if isinstance(data, bytes):
            from binascii import b2a_base64

            data = b2a_base64(data, newline=False).decode("ascii")
        if isinstance(data, str):
            forms[mime] = data
    return forms


def _keep(forms):
    global _budget
    size = sum(map(len, forms.values()))
    if size > _budget or len(_shown) >= _MOST:
        return False
    _budget -= size
    _shown.append(forms)
    return True
