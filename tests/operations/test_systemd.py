"""tasks/systemd.py: nothing where systemd does not run; on a machine the units, a file of settings that stays, all started."""

from __future__ import annotations

import configparser
import re
import shlex

import pytest

from builder import container
from tasks import systemd
from tasks.facts.files import PathStats
from tasks.facts.server import LedTo, OpenToOthers
from tasks.facts.systemd import UnitStates
from tasks.lib.managed_files import ManagedFile

from .conftest import ROOT, Facts, Run, in_place

SRC = "/usr/src/melda-jupyter"
PUT, START = "Install the systemd units of a host", "Enable and start the units"
FOLDER = ManagedFile("/etc/melda-jupyter", mode="755")
WRITTEN = {systemd.SETTINGS: ("file", "600", "root", "root", "0" * 64)}
HERE = in_place([*systemd.entries(SRC), FOLDER]) | WRITTEN
WELL = dict.fromkeys(("host", "enabled", "active"), "yes")
DONE: Facts = {UnitStates: WELL, PathStats: HERE}


def parsed(name: str) -> dict[str, dict[str, list[str]]]:
    """A unit's sections; each key with all its values."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (ROOT / "files/systemd" / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and line[0] != "#":
            key, _, value = line.partition("=")
            found.setdefault(section, {}).setdefault(key, []).extend(value.split())
    return found


def test_an_image_gets_nothing(run: Run) -> None:
    assert run(systemd.systemd) == {}


def test_a_fresh_machine(run: Run) -> None:
    commands = run(systemd.systemd, {UnitStates: {"host": "yes"}})
    assert list(commands) == [PUT, START]
    put = {path.removesuffix(".melda-new") for path in commands.uploads}
    assert {f"/etc/systemd/system/{name}" for name in systemd.UNITS} | {systemd.SETTINGS} <= put
    new = f"{systemd.SETTINGS}.melda-new"
    assert commands.modes[new] == "600" and f" && mv -fT {new} {systemd.SETTINGS}" in "".join(commands[PUT])
    made = commands[PUT].index(f"put {systemd.SETTINGS}.melda-new")
    assert any("mkdir -p /etc/melda-jupyter" in command for command in commands[PUT][:made])
    assert [command.split(" || ")[0] for command in commands[START]] == [
        "systemctl daemon-reload && systemctl --quiet enable melda.target",
        "systemctl start melda.target melda-versions.service melda-jupyter.service",
    ]


def test_already_there(run: Run) -> None:
    assert run(systemd.systemd, DONE) == {}


def test_settings_that_are_there_stay_and_are_closed_if_they_are_open(run: Run) -> None:
    opened = HERE | {systemd.SETTINGS: ("file", "644", "root", "root", "1" * 64)}
    commands = run(systemd.systemd, DONE | {PathStats: opened})
    assert commands == {PUT: [f"chown root:root {systemd.SETTINGS} && chmod 600 {systemd.SETTINGS}"]}


@pytest.mark.parametrize("path", [systemd.SETTINGS, FOLDER.path])
def test_settings_that_are_kept_elsewhere_stay(run: Run, path: str) -> None:
    assert run(systemd.systemd, DONE | {PathStats: HERE | {path: ("link", "/srv/secret")}}) == {}


@pytest.mark.parametrize("led", [["/srv/secret"], []])
def test_settings_that_are_kept_elsewhere_are_closed_there_or_the_run_ends(run: Run, led: list[str]) -> None:
    """They hold keys: what configuration management had put there with mode 644 stayed open, and the run ended with 0."""
    linked = DONE | {PathStats: HERE | {systemd.SETTINGS: ("link", "/srv/secret")}}
    line = (
        f"{systemd.SETTINGS} is a link to /srv/secret, which others than root can read: expected a file, or a link straight to"
        " one that is root's alone, as all above it"
    )
    closed = "chown root:root /srv/secret && chmod 600 /srv/secret"
    commands = run(systemd.systemd, linked | {OpenToOthers: [systemd.SETTINGS], LedTo: led})
    assert commands == {PUT: [closed if led else f"echo {shlex.quote(line)} >&2; exit 1"]}


@pytest.mark.parametrize(
    ("missing", "added", "ran"),
    [
        ((), ("stale",), ["systemctl daemon-reload"]),
        (("active",), (), ["systemctl start"]),
        (("enabled",), (), ["systemctl daemon-reload"]),
    ],
)
def test_half_there(run: Run, missing: tuple[str, ...], added: tuple[str, ...], ran: list[str]) -> None:
    state = {name: "yes" for name in WELL if name not in missing} | dict.fromkeys(added, "yes")
    commands = run(systemd.systemd, DONE | {UnitStates: state})
    assert [" ".join(command.split()[:2]) for command in commands[START]] == ran


def test_a_changed_unit_is_read_again_and_what_runs_is_not_started_again(run: Run) -> None:
    old = HERE | {"/etc/systemd/system/melda-jupyter.service": ("file", "644", "root", "root", "0" * 64)}
    states = iter([WELL, WELL | {"stale": "yes"}, WELL | {"stale": "yes"}, WELL | {"stale": "yes"}])
    commands = run(systemd.systemd, DONE | {PathStats: old, UnitStates: lambda units: next(states)})
    assert list(commands.uploads) == ["/etc/systemd/system/melda-jupyter.service.melda-new"]
    assert not re.search("systemctl (re)?start", str(commands))


def test_another_place(run: Run) -> None:
    commands = run(systemd.systemd, {UnitStates: {"host": "yes"}}, src="/opt/melda")
    text = commands.uploads["/etc/systemd/system/melda-mount.service.melda-new"].decode()
    assert "ExecStart=/opt/melda/melda-unit mount\n" in text and f"EnvironmentFile={systemd.SETTINGS}\n" in text
    assert SRC not in str(commands) and "@" not in text


@pytest.mark.parametrize("name", [name for name in systemd.UNITS if name.endswith(".service")])
def test_every_service_goes_with_the_target_and_gives_up_on_a_bad_setting(name: str) -> None:
    unit = parsed(name)
    assert unit["Unit"]["PartOf"] == ["melda.target"] and name in parsed("melda.target")["Unit"]["Wants"]
    assert unit["Service"]["ExecStart"] == ["@SRC@/melda-unit", name.removeprefix("melda-").removesuffix(".service")]
    if unit["Service"]["Type"] != ["oneshot"]:
        assert unit["Service"]["RestartPreventExitStatus"] == ["2"] and unit["Service"]["KillMode"] == ["mixed"]
    # A namespace of its own would keep the bucket mounted after its unit has let it go.
    assert not [key for key in unit["Service"] if re.match("Private|Protect|ReadOnly|ReadWrite|Inaccessible", key)]


def test_what_needs_the_project_is_bound_to_the_mount_and_comes_back_with_it() -> None:
    mount = parsed("melda-mount.service")["Unit"]
    for name in ("melda-plugins.service", "melda-jupyter.service"):
        unit = parsed(name)["Unit"]
        assert "melda-mount.service" in unit["BindsTo"] and "melda-mount.service" in unit["After"]
        assert name in mount["Wants"]
    assert mount["Requires"] == ["melda-firewall.service"] and "network-online.target" in mount["After"]


def test_the_fact_reads_what_the_machine_says() -> None:
    fact = UnitStates()
    assert fact.process(["host", "active"]) == {"host": "yes", "active": "yes"}
    assert fact.default() == {}


def test_the_template_sets_nothing_and_names_only_variables_of_the_container() -> None:
    text = (ROOT / "files/systemd/settings.env").read_text()
    assert all(line.startswith("#") for line in text.splitlines() if line)
    reader = configparser.ConfigParser()
    reader.read_string("[all]\n" + "".join(line[1:] + "\n" for line in text.splitlines() if re.match("#[A-Z]", line)))
    assert {"bucket_name", "aws_access_key_id", "jupyter_token", "pgeo_ips"} <= set(reader["all"])
    not_on_a_host = {
        "DATA_BUCKET",
        "DATA_FOLDER",
        "GIT_REPOSITORY",
        "IDLE_SECONDS",
        "STOP_SECONDS",
        "SSH_AUTHORIZED_KEYS",
        "TZ",  # a host has its own
        "OMP_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "R_MAX_VSIZE",
    }
    assert set(reader["all"]) == {name.lower() for name in {*container.PASSED, "FORK_OF"} - not_on_a_host}
