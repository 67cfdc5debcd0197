"""How kernels are reached: the image's through sockets that only the user can reach, others as they always were."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from melda.jupyter import kernel_sockets

ROOT = Path(__file__).resolve().parents[4]
OURS = {kernel_sockets.KEY: {"transport": "ipc"}}


def manager(metadata: Any, folder: Path) -> Any:
    """Jupyter's of one kernel."""
    return SimpleNamespace(
        kernel_spec=SimpleNamespace(metadata=metadata), connection_file=str(folder / "kernel-1.json")
    )


@pytest.mark.parametrize("file", ["kernel.json", "ir/kernel.json"])
def test_both_of_the_image_ask_for_sockets(file: str, tmp_path: Path) -> None:
    metadata = json.loads((ROOT / "files/jupyter" / file).read_text())["metadata"]
    assert kernel_sockets.chosen(manager(metadata, tmp_path)) == "ipc"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "metadata", [{}, None, "x", {kernel_sockets.KEY: "ipc"}, {kernel_sockets.KEY: {"transport": "udp"}}]
)
def test_kernels_of_others_keep_ports(metadata: Any, tmp_path: Path) -> None:
    assert kernel_sockets.chosen(manager(metadata, tmp_path)) == "tcp"


def test_ports_where_there_can_be_no_socket(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    for folder in (long, tmp_path / "missing"):
        assert kernel_sockets.chosen(manager(OURS, folder)) == "tcp"
    assert list(long.iterdir()) == []


def test_jupyters_manager_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(kernel_sockets.MODULE)
    vars(module)["ServerKernelManager"] = type("ServerKernelManager", (), {})
    monkeypatch.setitem(sys.modules, kernel_sockets.MODULE, module)
    kernel_sockets.install()
    assert vars(module)["ServerKernelManager"]._transport_default is kernel_sockets.chosen
    monkeypatch.delitem(sys.modules, kernel_sockets.MODULE)
    kernel_sockets.install()  # another server
