"""Before a snapshot, what can be done ahead; after it, what must not be the same twice."""

import os
import sys
from importlib import import_module

from hermetic_guest import search_path, warming


def preload(request):
    """Import modules, and use once what is slow when it is first used."""
    failed = {}
    for name in request["modules"]:
        try:
            import_module(name)
        except BaseException as error:
            failed[name] = f"{type(error).__name__}: {error}"
    warming.warm()
    import gc

    gc.collect()
    gc.freeze()
    return {"failed": failed}


def resume(request):
    """Take on the variables of this guest, and random state that no other guest has."""
    os.environ.update(request["variables"])
    for folder in (search_path.SITE_PACKAGES, search_path.WORKSPACE):
        sys.path_importer_cache.pop(folder, None)
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "tempfile" in sys.modules:
        sys.modules["tempfile"]._name_sequence = None
    return {}
