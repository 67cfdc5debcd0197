"""start-jupyter --check: which rows are wrong, which only worth a word, and the exit code that follows."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from melda.base.errors import ConfigError
from melda.boot import check, hooks
from melda.boot.check import FAILED, OK, WARNING, Row
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.config.firewall_policy import from_env
from melda.mount.bucket_permissions import Right


def states(found: list[Row]) -> dict[str, str]:
    return {row.name: row.state for row in found}


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that may do nothing, and reaches nothing."""
    monkeypatch.setattr(check.capabilities, "has", lambda _: False)
    monkeypatch.setattr(check, "_problem", lambda _: "Operation not permitted")
    monkeypatch.setattr(check, "connects", lambda _: "timed out")


@pytest.mark.usefixtures("without")
def test_what_is_missing_matters_where_it_is_asked_for(settings: Settings, project: Bucket) -> None:
    plain = states(check.rows(settings))
    assert {plain[name] for name in ("CAP_SYS_ADMIN", "/dev/fuse", "CAP_NET_ADMIN", "egress", "S3")} == {WARNING}
    closed = from_env({"PGEO_IPS": "192.0.2.1"}, None)
    asked = states(check.rows(settings._replace(bucket=project, firewall=closed)))
    assert {asked[name] for name in ("CAP_SYS_ADMIN", "/dev/fuse", "CAP_NET_ADMIN", "S3")} == {FAILED}
    assert asked["token"] == WARNING and plain["token"] == OK


@pytest.mark.usefixtures("without")
def test_a_key_is_for_nothing_where_sshd_may_not_do_what_it_does_first(settings: Settings) -> None:
    assert "ssh" not in states(check.rows(settings))
    assert states(check.rows(settings._replace(ssh_keys=("ssh-ed25519 AAAA",))))["ssh"] == FAILED


@pytest.mark.usefixtures("without")
def test_with_everything_there_apparmor_may_still_refuse(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check.capabilities, "has", lambda _: True)
    assert states(list(check.mounting(settings._replace(bucket=project))))["AppArmor"] == FAILED
    monkeypatch.setattr(check, "_problem", lambda _: "")
    assert set(states(list(check.mounting(settings._replace(bucket=project)))).values()) == {OK}


def test_the_metadata_service_is_worth_a_word_where_no_firewall_keeps_it_from_the_user(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "connects", lambda _: "")
    for admin, state in ((True, OK), (False, WARNING)):
        monkeypatch.setattr(check.capabilities, "has", lambda _, admin=admin: admin)
        assert states(list(check.firewalling(settings)))["metadata service"] == state


@pytest.mark.parametrize(
    ("skew", "refused", "beyond", "wrong"),
    [
        (5.0, "", "denied", {}),
        (-120.0, "", "", {"clock": WARNING, "S3: beyond": WARNING}),
        (1000.0, "may not", "denied", {"clock": FAILED, "S3: put": FAILED}),
    ],
)
def test_rights_and_clock(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch, skew: float, refused: str, beyond: str,
    wrong: dict[str, str],
) -> None:  # fmt: skip
    monkeypatch.setattr(check.s3, "located", lambda bucket: (bucket, None))
    monkeypatch.setattr(check.bucket_permissions, "clock_skew", lambda _: skew)
    found = [
        Right("list", False, ""),
        Right("put", False, refused),
        Right("delete", False, ""),
        Right("list", True, beyond),
    ]
    monkeypatch.setattr(check.bucket_permissions, "look", lambda _: found)
    rows = states(list(check.storage(settings._replace(bucket=project))))
    assert {name: state for name, state in rows.items() if state != OK} == wrong


def test_what_is_in_the_place_of_a_mount(
    settings: Settings, project: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check.processes, "container", lambda: "")
    monkeypatch.setattr(check, "DATA", str(tmp_path / "data"))
    used = settings._replace(layout=settings.layout._replace(workdir=str(tmp_path / "project")))
    asked = used._replace(bucket=project, data=project)
    assert states(list(check.place(asked))) == {"project": OK}, "a start makes them"
    for name in ("project", "data"):
        (tmp_path / name).mkdir()
    assert states(list(check.place(asked))) == {"project": OK}
    for name in ("project", "data"):
        (tmp_path / name / "file").touch()
    assert states(list(check.place(asked))) == {"project": FAILED, "data": FAILED}
    assert states(list(check.place(used))) == {}, "it stays a local folder"
    monkeypatch.setattr(check.s3fs, "is_mounted", lambda _: True)
    assert states(list(check.place(asked))) == {}, "it runs already"


def test_processes_that_cannot_be_told_from_others(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        raise ConfigError("this container's processes cannot be told from others'")

    monkeypatch.setattr(check.processes, "container", refuse)
    assert states(list(check.place(settings._replace(bucket=project))))["processes"] == FAILED
    assert states(list(check.place(settings))) == {}


@pytest.mark.parametrize(
    ("keys", "state", "said"),
    [
        (lambda *_: [], FAILED, "expected a folder that is in the bucket"),
        (lambda bucket, prefix, *_: [prefix], OK, "users/bob is there"),
        (lambda bucket, prefix, *_: [prefix + "done.json"], OK, "users/bob has been copied"),
    ],
)
def test_a_fork_needs_its_parent(
    settings: Settings, project: Bucket, monkeypatch: pytest.MonkeyPatch, keys: Callable[..., list[str]], state: str,
    said: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(check.s3, "located", lambda bucket: (bucket, None))
    monkeypatch.setattr(check.s3, "keys", keys)
    monkeypatch.setattr(check.bucket_permissions, "clock_skew", lambda _: None)
    monkeypatch.setattr(check.bucket_permissions, "look", lambda _: [])
    forked = settings._replace(bucket=project._replace(fork_of="users/bob"))
    (row,) = (row for row in check.storage(forked) if row.name == "fork")
    assert row.state == state and said in row.text


@pytest.mark.skipif(os.getuid() != 0, reason="hooks are root's")
def test_hooks_that_a_start_would_refuse(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "ROOTS", str(tmp_path / "start.d"))
    monkeypatch.setattr(hooks, "USERS", str(tmp_path / "user.d"))
    assert list(check.site(settings)) == [Row("hooks", OK, "none")]
    (tmp_path / "user.d").mkdir(mode=0o755)
    hook = tmp_path / "user.d" / "10-site"
    hook.touch()
    hook.chmod(0o755)
    assert list(check.site(settings)) == [Row("hooks", OK, "10-site")]
    hook.chmod(0o775)
    (row,) = check.site(settings)
    assert row.state == FAILED and str(hook) in row.text


def test_what_a_start_writes(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "WRITTEN", (str(tmp_path / "made" / "later"),))
    monkeypatch.setattr(check, "MACHINE_ID", str(tmp_path / "dbus" / "machine-id"))
    monkeypatch.setattr(check.services, "DBUS", str(tmp_path))
    monkeypatch.setattr(check, "_problem", lambda action: action() or "")
    assert list(check.disk(settings)) == [Row("disk", OK, "can be written")]
    assert list(tmp_path.rglob("made*")) == [], "it leaves nothing"
    monkeypatch.setattr(check, "_problem", lambda _: "Read-only file system")
    found = list(check.disk(settings))
    assert len(found) == 3 and {row.state for row in found} == {FAILED}
    assert any(row.text.startswith(str(tmp_path / "dbus")) for row in found)
    (tmp_path / "dbus").mkdir()
    (tmp_path / "dbus" / "machine-id").touch()
    assert len(list(check.disk(settings))) == 2, "what is there is not made again"


def test_a_proxy_is_what_must_be_reached(settings: Settings) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    variables = {"HTTPS_PROXY": "http://127.0.0.1:{0}".format(listening.getsockname()[1])}
    behind = settings._replace(firewall=from_env(variables, None))
    with listening:
        (row,) = check.egress(behind)
    assert row.state == OK and "127.0.0.1" in row.text
    (row,) = check.egress(behind)
    assert row.state == WARNING and "Connection refused" in row.text


@pytest.mark.parametrize(("limit", "state"), [(None, WARNING), (1 << 29, WARNING), (1 << 32, OK)])
def test_memory(settings: Settings, monkeypatch: pytest.MonkeyPatch, limit: int | None, state: str) -> None:
    monkeypatch.setattr(check.memory, "limit", lambda: limit)
    found = list(check.memory_given(settings))
    assert states(found)["memory"] == state and "MiB" in found[1].text


@pytest.mark.parametrize(
    ("row", "code"), [(Row("a", OK, "b"), 0), (Row("a", WARNING, "b"), 0), (Row("a", FAILED, "b"), 1)]
)
def test_the_exit_code(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], row: Row, code: int
) -> None:
    monkeypatch.setattr(check.capabilities, "require_root", lambda: None)
    monkeypatch.setattr(check, "CHECKS", (lambda _: iter([row, Row("longer", OK, "a\nb")]),))
    assert check.main(settings) == code
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and lines[1].split() == ["a", row.state, "b"] and lines[2].endswith("a?b")


def test_settings_that_are_invalid_are_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> Settings:
        raise ConfigError("invalid EGRESS='x': expected one of web, none, open")

    monkeypatch.setattr(check.capabilities, "require_root", lambda: None)
    monkeypatch.setattr(check.environ, "settings", refuse)
    assert check.main() == 1
    assert "settings  FAILED  invalid EGRESS='x'" in capsys.readouterr().out


def test_a_check_that_breaks_costs_its_own_row(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Settings) -> list[Row]:
        raise KeyError("x")

    monkeypatch.setattr(check, "CHECKS", (broken, check.token))
    assert states(check.rows(settings)) == {"broken": FAILED, "token": OK}
