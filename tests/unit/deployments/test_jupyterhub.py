"""deployments/jupyterhub: which network is taken, and what the hub refuses to start with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builder.errors import BuildError
from deployments.jupyterhub import network

CONFIG = Path(__file__).resolve().parents[3] / "deployments" / "jupyterhub" / "jupyterhub_config.py"


def found(**changed: Any) -> dict[str, Any]:
    """What ``docker network inspect`` says of a network that is right."""
    pools = [{"Subnet": "2001:db8::/64"}, {"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]
    return {"Name": "hub", "Driver": "bridge", "Options": {network.ICC: "false"}, "IPAM": {"Config": pools}, **changed}


def test_containers_find_the_hub_at_the_gateway() -> None:
    assert network.gateway(found()) == "172.18.0.1"
    assert network.gateway(found(IPAM={"Config": [{"Subnet": "10.9.0.0/24"}]})) == "10.9.0.1"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"Options": {}}, "its containers reach each other"),
        ({"Options": None}, "its containers reach each other"),
        ({"Options": {network.ICC: "true"}}, "its containers reach each other"),
        ({"Driver": "overlay"}, "its containers reach each other"),
        ({"IPAM": {"Config": [{"Subnet": "2001:db8::/64"}]}}, "it has no IPv4 subnet"),
        ({"IPAM": {"Config": None}}, "it has no IPv4 subnet"),
    ],
)
def test_a_network_that_is_not_right_is_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(BuildError, match=f"^invalid MELDA_HUB_NETWORK=hub: {says}"):
        network.gateway(found(**changed))


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "x" * 64, "--help", "a\n"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BuildError, match="expected a network's name"):
        network.ensure("/no/docker", name)


def test_a_wrong_image_stops_the_hub_with_one_line() -> None:
    code = f"get_config = lambda: None\nexec(compile(open({str(CONFIG)!r}).read(), {str(CONFIG)!r}, 'exec'))"
    done = subprocess.run(
        [sys.executable, "-c", f"__file__ = {str(CONFIG)!r}\n{code}"],
        env={**os.environ, "MELDA_HUB_IMAGE": "Not An Image"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "deployments.jupyterhub: invalid MELDA_HUB_IMAGE=Not An Image: expected an image name such as"
        " melda-jupyter-hub:latest\n"
    )
