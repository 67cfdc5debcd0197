"""r2u's part played by a signed repository with its Origin and Label: r2u itself cannot be reached where these tests run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.apt_repository import Package, Repository, SigningKey, build, sources, twin
from tests.fakes.serve import Server, gateway

from .machines import Machine, Provisioning, provision

# Debian's versions of both lie between these.
LOWER = Package("zoo", "0.1-1.ca2004.1")
HIGHER = Package("xts", "99.0-1.ca2004.1")
NEIGHBOURS = Package("zoo", "100.0-1")


@dataclass
class Standin:
    """The repository, its wrongly signed twin and a neighbour, served."""

    server: Server
    repository: Repository
    neighbour: Repository
    key: Path

    def settings(self, folder: str = "r2u") -> dict[str, object]:
        return {
            "packages": "none", "r2u_suite": "focal", "r2u_mirror": f"{self.server.url}/{folder}", "r2u_key": self.key,
            "r2u_fingerprint": self.repository.key.fingerprint,
        }  # fmt: skip


@pytest.fixture(scope="module")
def standin(docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    root = tmp_path_factory.mktemp("r2u")
    with SigningKey() as key, SigningKey("stranger") as stranger, Server(root, gateway(docker=docker)) as server:
        repository = build(root / "r2u", "focal", [LOWER, HIGHER], key)
        twin(repository, root / "twin", stranger)
        neighbour = build(root / "neighbour", "focal", [NEIGHBOURS], key, origin="Somebody", label="Else")
        armored = root / "key.asc"
        armored.write_text(key.armored)
        yield Standin(server, repository, neighbour, armored)


@pytest.fixture(scope="module")
def provisioned(docker: str, image: str) -> Iterator[Machine]:
    """The image's container, which the deploy has made as it makes a machine; none of these runs asks for curated packages."""
    machine = Machine(docker, image, command=("tail", "-f", "/dev/null"))
    try:
        # What a run does there, and leaves.
        machine.run("apt-get -qq update && touch /var/lib/apt/melda-jupyter.fetched")
        yield machine
    finally:
        machine.remove()


def candidate(machine: Machine, package: str) -> str:
    shown = machine.run(f"apt-cache policy {package}")
    return next(line.split()[1] for line in shown.splitlines() if "Candidate:" in line)


def test_of_two_pin_lines_apt_counts_the_last(docker: str, provisioned: Machine, standin: Standin) -> None:
    """Why files/r2u/preferences says origin and label on one line."""
    policy = "apt-cache policy -o Dir::Etc::preferences=/tmp/pins -o Dir::Etc::preferencesparts=/dev/null 2>&1"
    stanza = "Package: *\nPin: release o=Debian\nPin: release l=Nobody\nPin-Priority: 991\n"
    assert " 991 " not in provisioned.run(f"printf '{stanza}' > /tmp/pins; {policy}")
    swapped = "Package: *\nPin: release l=Nobody\nPin: release o=Debian\nPin-Priority: 991\n"
    assert " 991 " in provisioned.run(f"printf '{swapped}' > /tmp/pins; {policy}; rm /tmp/pins")


def refused(run: Provisioning, words: str) -> None:
    assert run.code != 0
    lines = [line for line in run.output.splitlines() if words in line]
    assert len(lines) == 1, run.output
    assert "Traceback" not in run.output


def test_a_wrongly_signed_twin_is_refused_and_nothing_of_it_stays(
    docker: str, provisioned: Machine, standin: Standin
) -> None:
    refused(
        provision(docker, f"@docker/{provisioned.name}", **standin.settings("twin")), "apt: r2u.sources cannot be used"
    )
    assert provisioned.run("ls /etc/apt/sources.list.d/").count("r2u") == 0
    provisioned.run("apt-get update 2>&1 | grep -c '^[WE]:' | grep -qx 0")


def test_another_key_is_refused_before_anything_changes(docker: str, provisioned: Machine, standin: Standin) -> None:
    settings = standin.settings() | {"r2u_fingerprint": "AE89DB0EE10E60C01100A8F2A1489FE2AB99A21A"}
    run = provision(docker, f"@docker/{provisioned.name}", **settings)
    refused(run, "invalid r2u_key=")
    assert run.changed == []


def test_a_mirror_that_does_not_answer_is_left_out_and_said_or_with_strict_refused(
    docker: str, provisioned: Machine, standin: Standin
) -> None:
    host = f"@docker/{provisioned.name}"
    settings = standin.settings("nowhere")
    refused(provision(docker, host, strict="true", **settings), "strict=True and r2u would be left out")
    done = provision(docker, host, **settings)
    assert done.code == 0, done.output
    assert "left out: r2u" in done.output
    assert "r2u: " in provisioned.run("cat /usr/local/share/melda-jupyter/omitted")


def test_r2us_build_is_taken_and_only_r2us(docker: str, provisioned: Machine, standin: Standin) -> None:
    """The last one: from here on the container has r2u."""
    machine, host = provisioned, f"@docker/{provisioned.name}"
    done = provision(docker, host, **standin.settings())
    assert done.code == 0, done.output
    assert "Signed-By: /etc/apt/keyrings/r2u.asc" in machine.run("cat /etc/apt/sources.list.d/r2u.sources")
    assert machine.run("ls /etc/apt/trusted.gpg.d | grep -i r2u || true") == "", "the key is trusted for nothing else"

    deb822 = sources(standin.neighbour, f"{standin.server.url}/neighbour", "/etc/apt/keyrings/r2u.asc")
    machine.run(f"printf '%s' '{deb822}' > /etc/apt/sources.list.d/neighbour.sources && apt-get update")
    assert candidate(machine, "r-cran-zoo") == LOWER.version, (
        "a lower version of r2u's wins over Debian's and a neighbour's higher one"
    )
    assert candidate(machine, "r-cran-xts") == HIGHER.version
    machine.run("apt-get install -y r-cran-zoo r-cran-xts")
    assert LOWER.version in machine.run("Rscript --vanilla -e 'cat(zoo::standin_version())'")

    machine.run("rm /etc/apt/sources.list.d/neighbour.sources")
    again = provision(docker, host, **standin.settings())
    assert (again.code, again.changed) == (0, []), again.output
