"""deployments/compose.yaml has what the other deployments have, and variables that the image knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder import container, overrides
from deployments import contract
from deployments.ecs import task_definition

FILE = Path(__file__).resolve().parents[3] / "deployments" / "compose.yaml"
SERVICES = yaml.safe_load(FILE.read_text())["services"]


@pytest.mark.parametrize("name", ["notebook", "notebook-s3"])
def test_a_notebook_is_what_it_is_elsewhere(name: str) -> None:
    service: dict[str, Any] = SERVICES[name]
    assert service["command"] == "start-jupyter" and service["restart"] == "no"
    assert service["stop_grace_period"] == f"{task_definition.STOP}s"
    assert service["shm_size"] == container.SHARED
    assert service["ports"] == [f"127.0.0.1:${{PORT:-8888}}:{contract.ports({})[0]}"], "nobody else reaches it"
    given = {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)) for name, value in service["environment"].items()}
    contract.check({name: value for name, value in given.items() if name not in contract.SECRET})


def test_what_each_needs_and_no_more() -> None:
    plain, mounted = SERVICES["notebook"], SERVICES["notebook-s3"]
    assert mounted["cap_add"] == list(task_definition.CAPABILITIES)
    assert mounted["devices"] == list(task_definition.DEVICES)
    assert plain["cap_add"] == ["NET_ADMIN"] and "devices" not in plain and "security_opt" not in plain
    assert plain["volumes"] == [f"project:{overrides.defaults()['jupyter_workdir']}"]
