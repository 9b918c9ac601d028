"""Where the guest imports from. `site` never runs: no .pth file and no sitecustomize has effect."""

import os
import site
import sys

WORKSPACE = "/workspace"
SITE_PACKAGES = os.path.dirname(os.__file__) + "/site-packages"
TIME_ZONES = "/lib/time_zones"


def set_up():
    """The working folder is where the guest is, and comes first; packages come last,
    before the time zones that the system has. `exit` and its like are builtins.
    """
    site.setquit()
    site.setcopyright()
    site.sethelper()
    os.chdir(WORKSPACE)
    sys.path.insert(0, WORKSPACE)
    sys.path.append(SITE_PACKAGES)
    if sys.platform == "emscripten":
        sys.path.append(TIME_ZONES)
