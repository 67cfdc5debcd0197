"""deployments/jupyterhub: which network is taken, and what the hub refuses to start with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from builder import container, engine
from builder.errors import BuildError
from deployments import contract
from deployments.jupyterhub import network
from docs.tools import blocks

FOLDER = Path(__file__).resolve().parents[3] / "deployments" / "jupyterhub"
CONFIG = FOLDER / "jupyterhub_config.py"


class Section(SimpleNamespace):
    """Traitlets' configuration: a section is there as soon as it is named, and what is set last holds."""

    def __getattr__(self, name: str) -> Any:
        if not name[:1].isupper():
            raise AttributeError(name)
        setattr(self, name, Section())
        return getattr(self, name)


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
        ({"Options": {}}, "expected a network whose containers do not reach each other"),
        ({"Options": None}, "expected a network whose containers do not reach each other"),
        ({"Options": {network.ICC: "true"}}, "expected a network whose containers do not reach each other"),
        ({"Driver": "overlay"}, "expected a network whose containers do not reach each other"),
        ({"IPAM": {"Config": [{"Subnet": "2001:db8::/64"}]}}, "expected a network with an IPv4 subnet"),
        ({"IPAM": {"Config": None}}, "expected a network with an IPv4 subnet"),
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


def loaded(monkeypatch: pytest.MonkeyPatch) -> Section:
    """Our configuration, as a hub on a machine with Docker reads it."""
    monkeypatch.delenv("MELDA_HUB_IMAGE", raising=False)
    monkeypatch.setattr(engine, "ready", lambda: "/no/docker")
    monkeypatch.setattr(network, "ensure", lambda docker, name: "172.18.0.1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    c = Section()
    code = compile(CONFIG.read_text(), str(CONFIG), "exec")
    exec(code, {"__file__": str(CONFIG), "get_config": lambda: c})  # pylint: disable=exec-used
    return c


def test_the_lines_for_a_bucket_keep_what_ours_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's own block, as a site's file has it after ours."""
    ours, c = loaded(monkeypatch), loaded(monkeypatch)
    (block,) = [block for block in blocks.of(FOLDER / "README.md") if block.language == "python"]
    exec(compile(block.code, str(block), "exec"), {"c": c})  # pylint: disable=exec-used
    for name, users in (("ada", "users/ada"), ("g-40h", "users/g-40h")):
        spawner = SimpleNamespace(escaped_name=name)
        values = {key: value(spawner) if callable(value) else value for key, value in c.Spawner.environment.items()}
        assert ours.Spawner.environment.items() <= values.items()
        assert values["PROJECT_FOLDER"] == users
        contract.check(values)
    host = c.DockerSpawner.extra_host_config
    assert ours.DockerSpawner.extra_host_config.items() <= host.items()
    assert host["shm_size"] == container.SHARED
    assert (host["cap_add"], host["devices"]) == (["SYS_ADMIN"], ["/dev/fuse"])
    assert host["security_opt"] == ["apparmor=unconfined"]
    assert values["AWS_SHARED_CREDENTIALS_FILE"] in c.DockerSpawner.read_only_volumes.values()
    assert c.DockerSpawner.volumes == {}


def test_no_line_for_a_site_drops_what_ours_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """An assignment to what ours has entries in replaces them all, without a word."""
    c = loaded(monkeypatch)
    mine = [
        name for section in (c.Spawner, c.DockerSpawner) for name, one in vars(section).items() if isinstance(one, dict)
    ]
    assert {"environment", "extra_host_config", "extra_create_kwargs"} <= {*mine}
    text = "".join(block.code for block in blocks.of(FOLDER / "README.md"))
    text += "".join(re.findall("`(c[.][^`]*)`", (FOLDER / "README.md").read_text()))
    told = re.findall(r"c[.](?:Docker)?Spawner[.](\w+) = (?!{\.\.\.}|{}) *{", text)
    assert set(told).isdisjoint(mine), told
