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
    for forget, what in _WHAT_DIFFERS:
        forget(what)
    generators = _generators()
    import gc

    gc.collect()
    gc.freeze()
    return {"failed": failed, "generators": generators}


def resume(request):
    """Take on the variables of this guest, and random state that no other guest has.

    What the guest has put in the place of something stays as it is.
    """
    for take_on, what in ((_set_variables, request["variables"]), *_WHAT_DIFFERS):
        try:
            take_on(what)
        except Exception:
            continue
    return {}


def _set_variables(variables):
    os.environ.update(variables)


def _forget_folder(path):
    sys.path_importer_cache.pop(path, None)


def _seed(module):
    if module in sys.modules:
        sys.modules[module].seed()


def _forget_temporary_names(module):
    if module in sys.modules:
        sys.modules[module]._name_sequence = None


_WHAT_DIFFERS = (
    (_forget_folder, search_path.SITE_PACKAGES),
    (_forget_folder, search_path.WORKSPACE),
    (_seed, "random"),
    (_seed, "numpy.random"),
    (_forget_temporary_names, "tempfile"),
)
"""What was found in folders, and random state."""


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
