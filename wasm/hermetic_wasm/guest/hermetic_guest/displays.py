"""Rich displays: what an object can show of itself, by MIME type, as in IPython."""

import sys

from hermetic_guest import values

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
_MOST_FORMS = 20
"""Forms that one display may have."""

_shown = []
_budget = 0
_omitted = 0


def begin(limit):
    """Start a run whose displays may take `limit` bytes together."""
    global _budget, _omitted
    _budget = limit
    _omitted = 0
    _shown.clear()


def collected():
    """The displays of the run so far."""
    return list(_shown)


def omitted():
    """How many there would be besides, had they not been too large or too many."""
    return _omitted


def display(*objects):
    """Show objects richly: in a result's `displays`, each with `text/plain` as well."""
    for shown in objects:
        _keep({"text/plain": repr(shown)} | rich_forms(shown))


def show_value(value):
    """Show the value of the last expression, if it has more to show than its repr."""
    try:
        forms = rich_forms(value)
    except Exception:
        return
    if forms:
        _keep({"text/plain": repr(value)} | forms)


def rich_forms(shown):
    """MIME type to text (base64 for binary forms); methods that fail are left out.

    Raises what drawing a figure raises.
    """
    if isinstance(shown, type):
        return {}
    figures = _figures()
    if figures is not None and figures.is_figure(shown):
        return figures.forms(shown)
    forms = _bundle(shown)
    for name, mime in _METHODS:
        if mime not in forms and not (mime == "image/jpeg" and "image/png" in forms):
            data = _as_text(_call(shown, name))
            if data is not None:
                forms[mime] = data
    return forms


def show_open_figures():
    """Show the figures that a run has left open, and close them."""
    figures = _figures()
    if figures is not None:
        figures.show_open()


def leave_out():
    """Count a display that could not be made."""
    global _omitted
    _omitted += 1


def _keep(forms):
    """Add a display, or count it as left out when it is more than the run may show."""
    global _budget, _omitted
    size = sum(_size(mime) + _size(data) for mime, data in forms.items())
    if size > _budget or len(_shown) >= _MOST or len(forms) > _MOST_FORMS:
        _omitted += 1
        return
    _budget -= size
    _shown.append(forms)


def _figures():
    """Our module for figures, once the code has made some. It takes time to import."""
    if "matplotlib._pylab_helpers" not in sys.modules:
        return None
    try:
        from hermetic_guest import figures
    except ImportError:
        return None
    return figures


def _bundle(shown):
    """What `_repr_mimebundle_` gives: several forms at once, perhaps with metadata."""
    bundle = _call(shown, "_repr_mimebundle_", include=None, exclude=None)
    if isinstance(bundle, tuple) and bundle:
        bundle = bundle[0]
    if not isinstance(bundle, dict):
        return {}
    forms = {mime: _as_text(data) for mime, data in bundle.items() if isinstance(mime, str)}
    return {mime: data for mime, data in forms.items() if data is not None}


def _call(shown, name, **options):
    """What the method says, or None. Found on the class: an object that answers to every
    name (a mock, a proxy) has nothing to show by that.
    """
    method = getattr(type(shown), name, None)
    if method is None:
        return None
    try:
        return method(shown, **options)
    except Exception:
        return None


def _as_text(data):
    if isinstance(data, tuple) and len(data) == 2:
        data = data[0]
    if isinstance(data, bytes):
        from binascii import b2a_base64

        return b2a_base64(data, newline=False).decode("ascii")
    if isinstance(data, dict | list):
        try:
            return values.to_json(data)
        except (TypeError, ValueError, RecursionError):
            return None
    return data if isinstance(data, str) else None


def _size(text):
    return len(text.encode("utf-8", "surrogatepass"))
