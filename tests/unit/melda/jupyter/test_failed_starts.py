"""What Jupyter remembers of a kernel that could not be started: nothing, or the server would not end at a stop."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import Any

import pytest
from melda.jupyter import failed_starts


class Manager:
    """jupyter_client's, as far as it starts kernels."""

    def __init__(self) -> None:
        self._kernels: dict[str, Any] = {}
        self._pending_kernels: dict[str, Any] = {}

    async def _add_kernel_when_ready(self, kernel_id: str, km: Any, starts: Any) -> None:
        try:
            await starts
            self._kernels[kernel_id] = km
            self._pending_kernels.pop(kernel_id, None)
        except Exception:
            pass

    async def start(self, kernel_id: str, starts: Any) -> None:
        task = asyncio.create_task(self._add_kernel_when_ready(kernel_id, "km", starts))
        self._pending_kernels[kernel_id] = task
        await task


async def fails() -> None:
    raise LookupError("No such kernel named julia")


def test_a_kernel_that_could_not_be_started_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(failed_starts.MODULE)
    vars(module)["MultiKernelManager"] = type("MultiKernelManager", (Manager,), {})
    monkeypatch.setitem(sys.modules, failed_starts.MODULE, module)
    failed_starts.install()
    manager: Any = module.MultiKernelManager()

    async def start() -> None:
        await manager.start("0bd1", fails())
        await manager.start("2456", asyncio.sleep(0))

    asyncio.run(start())
    assert (manager._kernels, manager._pending_kernels) == ({"2456": "km"}, {})


@pytest.mark.parametrize("there", [{}, {"MultiKernelManager": object}])
def test_another_jupyter_is_left_alone(monkeypatch: pytest.MonkeyPatch, there: dict[str, Any]) -> None:
    module = ModuleType(failed_starts.MODULE)
    vars(module).update(there)
    monkeypatch.setitem(sys.modules, failed_starts.MODULE, module)
    failed_starts.install()
