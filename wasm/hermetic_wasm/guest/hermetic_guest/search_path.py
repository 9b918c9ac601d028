"""Where the guest imports from. `site` never runs: no .pth file and no sitecustomize has effect."""

import os
import site
import sys

WORKSPACE = "/workspace"
SITE_PACKAGES = os.path.dirname(os.__file__) + "/site-packages"


def set_up():
    """The working folder is where the guest is, and comes first; packages come last.
    `exit` and its like are builtins.
    """
    site.setquit()
    site.setcopyright()
    site.sethelper()
    os.chdir(WORKSPACE)
    sys.path.insert(0, WORKSPACE)
    sys.path.append(SITE_PACKAGES)
