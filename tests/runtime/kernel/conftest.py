"""Fixtures of the kernel's tests."""

from __future__ import annotations

import pytest
from kernel_checks import MIB, new_kernel

from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.quota import Quota


@pytest.fixture
def quota() -> Quota:
    return Quota(MIB, 100)


@pytest.fixture
def kernel(quota: Quota) -> Kernel:
    return new_kernel(quota=quota)
