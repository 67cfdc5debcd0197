"""The image of the Dockerfiles: what docs/reference says is in it, and what must not be."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import certifi
import pytest

from builder import host, sbom

from .fixtures import BASE_IMAGE
from .machines import Machine

IDLE = ("tail", "-f", "/dev/null")


@pytest.fixture(scope="module")
def machine(docker: str, image: str) -> Iterator[Machine]:
    machine = Machine(docker, image, command=IDLE)
    yield machine
    machine.remove()


@pytest.fixture(scope="module")
def config(docker: str, image: str) -> dict[str, Any]:
    shown = subprocess.run([docker, "image", "inspect", image], check=True, capture_output=True, text=True).stdout
    config: dict[str, Any] = json.loads(shown)[0]["Config"]
    return config


def test_names_of_the_contract(config: dict[str, Any]) -> None:
    variables = dict(line.split("=", 1) for line in config["Env"])
    assert variables["username"] == "melda"
    assert variables["UHOME"] == "/home/melda"
    assert variables["JUPYTER_WORKDIR"] == config["WorkingDir"] == "/home/melda/project"
    assert variables["SRC"] == "/usr/src/melda-jupyter"
    assert variables["PATH"].startswith("/usr/src/melda-jupyter:/opt/jupyter/bin:")
    assert config["Cmd"] == ["start-jupyter"]
    assert set(config["ExposedPorts"]) == {"8888/tcp", "2310/tcp", "22/tcp"}


def test_labels_say_what_was_left_out(docker: str, image: str, config: dict[str, Any], machine: Machine) -> None:
    left_out = machine.run("cat /usr/local/share/melda-jupyter/omitted 2>/dev/null || true").split("\n")
    assert config["Labels"]["io.melda.omitted"] == "; ".join(line for line in left_out if line)
    assert config["Labels"]["org.opencontainers.image.base.name"] == "debian:bookworm"


def test_the_user(machine: Machine) -> None:
    assert machine.run("getent passwd melda").split(":")[2:] == ["1001", "1001", "", "/home/melda", "/bin/bash\n"]
    assert machine.run("id melda") == "uid=1001(melda) gid=1001(melda) groups=1001(melda)\n"
    assert machine.run("command -v sudo || true") == ""


def test_the_runtime_is_roots(machine: Machine) -> None:
    for name in ("get-versions", "set-paths", "start-jupyter"):
        assert machine.run(f"stat -c '%U:%G %a' /usr/src/melda-jupyter/{name}") == "root:root 755\n"
        assert machine.run(f"readlink -f /usr/local/bin/{name}") == f"/usr/src/melda-jupyter/{name}\n"
    assert (
        machine.run("find /usr/src/melda-jupyter /opt/jupyter -not -user root -o -not -type l -perm /022 | head") == ""
    )


def test_kernels(machine: Machine) -> None:
    found = json.loads(machine.run("jupyter kernelspec list --json", user="melda"))["kernelspecs"]
    assert set(found) == {"python3", "ir"}
    assert "jupyter 1.0.0" in machine.run("pip list 2>/dev/null | grep -E '^jupyter ' | tr -s ' '")
    machine.run("Rscript -e 'library(jsonlite)'", user="melda")


def test_nothing_of_the_build_stays(docker: str, image: str, machine: Machine) -> None:
    assert machine.run("find / -xdev -iname '*pyinfra*' ! -path '/proc/*' ! -empty | head") == ""
    assert (
        machine.run(
            "ls -A /tmp /var/cache/apt/archives/partial /root/.cache/uv /run/secrets 2>/dev/null | grep -v : | tr -d '\\n'"
        )
        == ""
    )
    assert (
        machine.run(
            "ls /var/cache/apt/archives/*.deb /var/lib/apt/lists/*Release /etc/ssh/ssh_host_* 2>/dev/null || true"
        )
        == ""
    )
    assert machine.run("find / -xdev -type f -name uv -size +100k") == "", "the uv on PATH fetches it at its first call"
    history = subprocess.run(
        [docker, "history", "--no-trunc", image], check=True, capture_output=True, text=True
    ).stdout
    assert "BEGIN CERTIFICATE" not in history


def test_the_builds_ca_bundle_is_not_in_the_image(docker: str, image: str, machine: Machine) -> None:
    known = machine.run("cat /etc/ssl/certs/ca-certificates.crt") + certifi.contents()
    bundle = Path(host.ca_bundle()).read_text().splitlines()
    marks = [line for line in bundle if len(line) == 64 and line not in known]
    if not marks:
        pytest.skip("this machine trusts nothing that the image does not")
    # An older certifi may hold one of them; only the bundle itself holds all.
    sample = marks[:: max(1, len(marks) // 10)]
    chain = " | ".join(f"xargs -r grep -lF '{mark}'" for mark in sample)
    assert machine.run(f"grep -rlFI '{sample[0]}' / --exclude-dir=proc --exclude-dir=sys -s | {chain} || true") == ""


def test_the_base_image_is_there_too(docker: str, image: str) -> None:
    shown = subprocess.run([docker, "image", "inspect", BASE_IMAGE], check=True, capture_output=True, text=True).stdout
    assert json.loads(shown)[0]["Config"]["Cmd"] == ["start-jupyter"]


def test_local_bases_equal_rocker_in_what_matters(docker: str, bases: dict[str, str], machines) -> None:  # type: ignore[no-untyped-def]
    for base in bases.values():
        machine = machines(base, command=IDLE)
        assert "staff" in machine.run("id -nG docker").split()
        assert machine.run("stat -c '%G %a' /usr/local/lib/R/site-library") == "staff 2775\n"
        machine.run("R --version && r -e 'library(docopt)' && ls /usr/local/bin/install2.r")
        assert machine.run("locale charmap; echo $LANG $LC_ALL $TZ") == "UTF-8\nen_US.UTF-8 en_US.UTF-8 UTC\n"
        assert machine.run("ls /etc/apt/apt.conf.d | grep mmdebstrap || true") == ""


def test_the_bill_of_materials_names_what_is_installed(
    docker: str, image: str, machine: Machine, tmp_path: Path
) -> None:
    bill = json.loads(sbom.write(docker, image, tmp_path).read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == image
    found = {part.get("purl", "").split("?")[0] for part in bill["components"]}
    debian = machine.run("dpkg-query -W -f 'pkg:deb/debian/${Package}@${Version}\\n' s3fs r-cran-irkernel").split()
    assert {*debian, "pkg:pypi/jupyter@1.0.0"} <= {unquote(purl) for purl in found}
