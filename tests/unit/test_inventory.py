"""inventory.py: whom MELDA_HOSTS names, and in which groups."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
from pyinfra.api.exceptions import InventoryError
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_state

with pytest.MonkeyPatch.context() as _patch:
    # pyinfra's command line puts gevent's threads and pipes in place of the whole process's: tests of either then wait for ever.
    _patch.setattr("gevent.monkey.patch_all", lambda: None)
    from pyinfra_cli.inventory import make_inventory

ROOT = Path(__file__).resolve().parents[2]
ROOTS = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
MACHINE = {"ssh_user": "admin", "ssh_port": 2222, "_sudo": True, "_env": ROOTS}


@pytest.fixture(autouse=True)
def nobodys_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Root runs it, and has no ssh configuration; the file that would be it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh/config"


def read(named: str, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    """The inventory as pyinfra reads the file."""
    monkeypatch.setenv("MELDA_HOSTS", named)
    with ctx_state.use(State()):
        return make_inventory(str(ROOT / "inventory.py"), cwd=str(ROOT))


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``groups(named)`` -> group -> host -> its own data."""

    def named_in(named: str) -> dict[str, dict[str, Any]]:
        inventory = read(named, monkeypatch)
        return {
            name: {
                host.name: {key: value for key, value in host.host_data.items() if key != "docker_identifier"}
                for host in inventory.get_group(name)
            }
            for name in inventory.groups
            if name not in ("all", "inventory", "@docker") and inventory.get_group(name)
        }

    return named_in


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("", {"containers": {"@docker/melda-jupyter": {}}}),
        ("melda-vm", {"machines": {"melda-vm": {}}}),
        ("root@198.51.100.7", {"machines": {"198.51.100.7": {"ssh_user": "root"}}}),
        ("admin@n:2222, x", {"machines": {"n": MACHINE, "x": {}}}),
        ("[2001:db8::7]:22", {"machines": {"2001:db8::7": {"ssh_port": 22}}}),
        (
            "staging=@docker/a,web_2=admin@n:2222,staging=x,@docker/b",
            {
                "containers": {"@docker/a": {}, "@docker/b": {}},
                "machines": {"n": MACHINE, "x": {}},
                "staging": {"@docker/a": {}, "x": {}},
                "web_2": {"n": MACHINE},
            },
        ),
        (
            "root@h:2201,root@h:2202,h",
            {
                "machines": {
                    "h:2201": {"ssh_user": "root", "ssh_port": 2201, "ssh_hostname": "h"},
                    "h:2202": {"ssh_user": "root", "ssh_port": 2202, "ssh_hostname": "h"},
                    "h": {},
                }
            },
        ),
        (
            "a=[::1]:22,b=[::1]:23,a=[::1]:23",
            {
                "machines": (
                    two := {
                        "[::1]:22": {"ssh_port": 22, "ssh_hostname": "::1"},
                        "[::1]:23": {"ssh_port": 23, "ssh_hostname": "::1"},
                    }
                ),
                "a": two,
                "b": {"[::1]:23": two["[::1]:23"]},
            },
        ),
    ],
)
def test_hosts_and_their_groups(named: str, found: dict[str, Any], groups: Any) -> None:
    assert groups(named) == found


@pytest.mark.parametrize("port", ["0", "65536", "65558", "99999"])
def test_a_port_that_the_c_library_takes_for_another_is_refused(port: str, groups: Any) -> None:
    with pytest.raises(InventoryError, match=f"^invalid MELDA_HOSTS='root@h:{port}': expected a port from 1 to 65535$"):
        groups(f"root@h:{port}")


def test_a_group_has_settings_of_its_own(groups: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = read("@docker/a,x", monkeypatch)
    assert inventory.get_host("@docker/a").data.dpkg_unsafe_io is True
    assert inventory.get_host("x").data.dpkg_unsafe_io is False


@pytest.mark.parametrize(
    "named",
    ["host:abc", "host:", "@host", "a b", "root@", "2001:db8::7", "-oProxyCommand=x", "@docker/", "Role=x", "=x", "a="],
)
def test_what_is_no_host_is_refused_in_one_line(named: str, groups: Any) -> None:
    with pytest.raises(InventoryError) as refused:
        groups(named)
    right = "[ROLE=][USER@]HOST[:PORT] or [ROLE=]@docker/CONTAINER"
    # What stands behind a colon may be a password.
    shown = re.sub(":.+", ":***", named)
    assert str(refused.value) == f"invalid MELDA_HOSTS={shown!r}: expected {right}"


@pytest.mark.parametrize(
    "named", ["admin:hush@h", "admin:hush,more@h", "ok,a=admin:hush:hush@h:22", "hush hush@h", "u:@hush@h"]
)
def test_no_password_is_shown(named: str, groups: Any) -> None:
    with pytest.raises(InventoryError) as refused:
        groups(named)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("me", "user", "sudo"),
    [("root", "admin", True), ("root", "root", False), ("ada", "", True), ("ada", "root", False)],
)
def test_whoever_ssh_logs_in_as_gets_sudo(
    groups: Any, nobodys_ssh: Path, monkeypatch: pytest.MonkeyPatch, me: str, user: str, sudo: bool
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: me)
    nobodys_ssh.write_text(f"Host vm\n  HostName 192.0.2.7\n  {'User ' + user if user else ''}\nHost *\n  Port 22\n")
    (data,) = groups("vm")["machines"].values()
    assert data == ({"_sudo": True, "_env": ROOTS} if sudo else {})
    # Who is named is who logs in.
    assert groups("root@vm")["machines"]["vm"] == {"ssh_user": "root"}


def test_a_configuration_of_ssh_that_is_in_several_files(groups: Any, nobodys_ssh: Path) -> None:
    (nobodys_ssh.parent / "mine").write_text("Host vm\n  User admin\n")
    nobodys_ssh.write_text(f"Include {nobodys_ssh.parent}/m*\n")
    assert groups("vm")["machines"]["vm"] == {"_sudo": True, "_env": ROOTS}


@pytest.mark.parametrize("text", [b"garbage\n", b"Host b\xffx\n  User m\n"])
def test_a_configuration_of_ssh_that_cannot_be_read_is_one_line(groups: Any, nobodys_ssh: Path, text: bytes) -> None:
    nobodys_ssh.write_bytes(text)
    with pytest.raises(
        InventoryError, match=rf"^invalid {nobodys_ssh}: expected a configuration of ssh's that [^\n]*$"
    ):
        groups("vm")
    assert groups("admin@vm")["machines"], "nothing of it is asked"


def test_one_host_has_one_user(groups: Any) -> None:
    with pytest.raises(
        InventoryError, match="^invalid MELDA_HOSTS='root@h': expected one user for the same host and port$"
    ):
        groups("a=admin@h,root@h")


@pytest.mark.parametrize(
    ("limit", "right"),
    [
        ("staging", True),
        ("@docker/*", True),
        ("x", True),
        ("all", True),
        ("machines", True),
        ("nope", False),
        ("y*", False),
    ],
)
def test_a_limit_that_leaves_nobody_is_refused(groups: Any, limit: str, right: bool) -> None:
    with click.Context(click.Command("pyinfra")) as asked:
        asked.params = {"limit": ("x", limit)}
        if right:
            groups("staging=@docker/a,x")
        else:
            with pytest.raises(
                InventoryError, match=f"^invalid --limit={re.escape(limit)}: expected a host or a group"
            ):
                groups("staging=@docker/a,x")


@pytest.mark.parametrize("role", ["all", "containers", "machines", "os", "re"])
def test_a_role_that_means_something_else_is_refused(role: str, groups: Any) -> None:
    with pytest.raises(InventoryError, match=f"^invalid MELDA_HOSTS='{role}=x': expected another word as ROLE"):
        groups(f"{role}=x")
