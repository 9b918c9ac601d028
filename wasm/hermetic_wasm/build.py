"""Making the files of an interpreter image from the package that its project publishes."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import IO

from hermetic_wasm.core_module import CoreModule, split_memory
from hermetic_wasm.errors import ImageError
