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
    _forget_what_differs()
    generators = _generators()
    import gc

    gc.collect()
    gc.freeze()
    return {"failed": failed, "generators": generators}


def resume(request):
    """Take on the variables of this guest, and random state that no other guest has."""
    os.environ.update(request["variables"])
    _forget_what_differs()
    return {}


def _forget_what_differs():
    """What was found in folders, and the state of random number generators."""
    for folder in (search_path.SITE_PACKAGES, search_path.WORKSPACE):
        sys.path_importer_cache.pop(folder, None)
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "tempfile" in sys.modules:
        sys.modules["tempfile"]._name_sequence = None


def _generators():
    """The address of each generator's object, its words and how many are used up: the host
    renews them in every guest of the snapshot.
    """
    found = []
    if "random" in sys.modules:
        random = sys.modules["random"]
        *words, used = random.getstate()[1]
        found.append([id(random._inst), words, used])
    if "numpy.random" in sys.modules:
        generator = sys.modules["numpy.random"].get_bit_generator()
        state = generator.state["state"]
        found.append([id(generator), state["key"].tolist(), int(state["pos"])])
    return found
