"""tasks/settings.py: a wrong setting or release is refused with one line before anything changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import certifi
import pyinfra
import pytest
from pyinfra.api import DeployError
from pyinfra.facts.deb import DebArch
from pyinfra.facts.server import Locales, OsRelease

from tasks import settings, ssh, user
from tasks.facts.server import Unwritable
from tasks.lib import summary
from tasks.releases import RELEASES

from . import conftest
from .conftest import Run

KEY = conftest.PUBLIC_KEY
R2U_KEY = str(conftest.ROOT / "files/r2u/dirk_eddelbuettel_key.asc")
INSIDE = "='/home/melda/x': expected a path outside uhome='/home/melda'"


@pytest.mark.parametrize("codename", RELEASES)
def test_the_defaults_are_right(run: Run, codename: str) -> None:
    assert run(settings.check, {OsRelease: {"version_codename": codename}}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("packages", "none"), ("packages", "core"), ("strict", True), ("username", "jo-2_x"), ("uid", 1000), ("uid", 59999),
        ("python_env", "/srv/py3.11"), ("src", "/usr/local/lib/melda"), ("locale", "C.UTF-8"), ("locale", "tr_TR.UTF-8"),
        ("cran_mirror", "http://localhost:8080"), ("cran_mirror", "https://mirror.example/a/~b_c/%7e/"),
        ("r2u_mirror", "http://[::1]:80/ubuntu"), ("r2u_suite", "jammy"), ("r2u_key", R2U_KEY), ("r_key", R2U_KEY),
        ("ca_bundle", certifi.where()), ("ca_bundle", ""), ("ssh_public_key", KEY), ("ssh_public_key", f"{KEY} José's laptop"),
        ("apt_mirror", "http://mirror/debian"), ("apt_security_mirror", ""), ("apt_proxy", "http://10.0.0.1:3142"),
        ("pypi_index", "https://pypi.example.org/simple/"), ("http_proxy", "http://jo:s%40cret!@proxy:65535"),
        ("https_proxy", ""), ("no_proxy", "localhost, .example.org,10.0.0.0/8,[::1]"), ("netrc", __file__), ("mirror", "/mirror"),
        ("ca_certificates", certifi.where()), ("ca_certificates", ""),
        ("apt_cache_time", 0), ("dpkg_unsafe_io", True), ("apt_keep_archives", True),
    ],
)  # fmt: skip
def test_right_values(run: Run, name: str, value: Any) -> None:
    assert run(settings.check, **{name: value}) == {}


WRONG: list[tuple[str, Any, str]] = [
    ("packages", "everything", "none, core or datascience"),
    ("packages", None, "none, core or datascience"),
    ("packages", ["core"], "none, core or datascience"),
    ("strict", "yes", "true or false"),
    ("fonts", "many", "true or false"),
    ("jupyterhub", "yes", "true or false"),
    ("strict", 1, "true or false"),
    ("jupyterhub", "yes", "true or false"),
    ("username", "Melda", "a lower-case user name"),
    ("username", "melda; reboot", "a lower-case user name"),
    ("username", "", "a lower-case user name"),
    (
        "username",
        "admin",
        "a lower-case user name of at most 32 characters, no system account's and no group's of root's",
    ),
    ("username", "wheel", "no group's of root's"),
    ("username", "messagebus", "no system account's"),
    ("username", "systemd-network", "no system account's"),
    ("uid", 0, "a whole number from 1000"),
    ("uid", 999, "a whole number from 1000"),
    ("uid", 60000, "a whole number from 1000"),
    ("uid", "1001", "a whole number from 1000"),
    ("uid", True, "a whole number from 1000"),
    ("uhome", "home/melda", "an absolute path"),
    ("uhome", "/home/../etc", "an absolute path"),
    ("uhome", "/home/melda/", "an absolute path"),
    ("uhome", "/home", "an absolute path"),
    ("uhome", "/home/" + "a" * 100, "at most 100"),
    ("uhome", "/etc/melda", "not below /dev"),
    ("uhome", "/root/melda", "not below /dev"),
    ("uhome", "/usr/share", "not below /dev"),
    ("jupyter_workdir", "/home/melda/my project", "an absolute path"),
    ("jupyter_workdir", "/home/melda/$(id)", "an absolute path"),
    ("jupyter_workdir", "/srv/project", "below uhome='/home/melda'"),
    ("jupyter_workdir", "/home/meldax/project", "below uhome='/home/melda'"),
    ("jupyter_workdir", "/home/melda", "below uhome='/home/melda'"),
    ("src", "/home/melda/src", "outside uhome='/home/melda'"),
    ("src", "/home/melda", "outside uhome='/home/melda'"),
    ("src", "/tmp/src", "not below /dev"),
    ("src", "/opt/jupyter", "outside python_env='/opt/jupyter'"),
    ("src", "/opt/jupyter/src", "outside python_env='/opt/jupyter'"),
    ("python_env", "/usr/src/melda-jupyter/env", "outside src='/usr/src/melda-jupyter'"),
    ("python_env", "/home/melda/env", "outside uhome='/home/melda'"),
    ("python_env", "/run/env", "not below /dev"),
    ("python_env", "/etc/ssh", "/etc /lib /lib32 /lib64 /libx32 /root /sbin"),
    ("locale", "en_US", "a UTF-8 locale"),
    ("locale", "en_US.ISO-8859-1", "a UTF-8 locale"),
    ("apt_mirror", "https://mirror/a b", "an http(s) URL without a password (netrc has it)"),
    ("apt_security_mirror", None, "or empty"),
    ("apt_proxy", "proxy:3142", "http://HOST:PORT"),
    ("apt_proxy", 'http://proxy";', "http://HOST:PORT"),
    ("pypi_index", "pypi.example.org", "an http(s) URL"),
    ("http_proxy", "proxy:3128", "http://[USER:PASSWORD@]HOST:PORT"),
    ("https_proxy", "http://proxy'", "http://[USER:PASSWORD@]HOST:PORT"),
    ("https_proxy", "http://proxy:65558", "http://[USER:PASSWORD@]HOST:PORT"),
    ("cran_mirror", "http://cran:0/", "an http(s) URL"),
    ("no_proxy", "a;b", "names and networks"),
    ("netrc", "/nowhere", "the path of a netrc file"),
    ("mirror", "mirror", "an absolute path on the target"),
    ("mirror", "/a/../b", "an absolute path on the target"),
    ("ca_certificates", "/nowhere", "a PEM file with certificates"),
    ("ca_certificates", __file__, "a PEM file with certificates"),
    ("cran_mirror", "ftp://cran", "an http(s) URL"),
    ("cran_mirror", "https://cran/'; system('id') #", "an http(s) URL"),
    ("r2u_mirror", "https://x/y z", "an http(s) URL"),
    ("r_mirror", "", "an http(s) URL"),
    ("r2u_key", "", "the path of a file with one armored OpenPGP key"),
    ("r2u_key", "r2u/nowhere.asc", "the path of a file with one"),
    ("r2u_key", "r2u/preferences", "absolute or below files/"),
    ("r2u_key", "x" * 300, "the path of a file with one"),
    ("r2u_fingerprint", "ae89db0ee10e60c01100a8f2a1489fe2ab99a21a", "40 hexadecimal digits in capitals"),
    ("r2u_fingerprint", "AE89DB0E", "40 hexadecimal digits"),
    ("r2u_suite", "../focal", "a suite's name"),
    ("r_key", "/nowhere", "the path of a file with one armored OpenPGP key, or empty"),
    ("r_key", __file__, "the path of a file with one armored OpenPGP key, or empty"),
    ("ca_bundle", "/nowhere", "the path of a PEM file with certificates, each of them whole, or empty"),
    ("ca_bundle", "/nul\0", "the path of a PEM file"),
    ("ssh_public_key", "ssh-dss " + "A" * 68, "one public key"),
    ("ssh_public_key", "AAAA", "one public key"),
    ("ssh_public_key", KEY[:-4], "one public key"),
    ("ssh_public_key", " " + KEY, "one public key"),
    ("ssh_public_key", f"{KEY}\n{KEY}", "one public key"),
    ("ssh_public_key", f"{KEY} x\x0b{KEY}", "one public key"),
    ("ssh_public_key", f'command="id" {KEY}', "one public key"),
    ("apt_cache_time", -1, "a number of seconds"),
    ("apt_cache_time", "1d", "a number of seconds"),
    ("dpkg_unsafe_io", "maybe", "true or false"),
    ("apt_keep_archives", 0, "true or false"),
]


def refusal(task: Callable[..., Any], *arguments: Any, **changed: Any) -> str:
    with pytest.raises(DeployError) as error:
        task(*arguments, **changed)
    message = str(error.value)
    assert "\n" not in message and message.isprintable()
    return message


@pytest.mark.parametrize(("name", "value", "right"), WRONG)
def test_wrong_values(run: Run, name: str, value: Any, right: str) -> None:
    message = refusal(run, settings.check, **{name: value})
    shown = value[:200] + "..." if isinstance(value, str) and len(value) > 200 else value
    assert message.startswith(f"invalid {name}={shown!r}: expected "), message
    assert right in message


def test_a_password_in_a_url_is_not_shown(run: Run) -> None:
    message = refusal(run, settings.check, cran_mirror="https://jo:secret@mirror/cran")
    assert message == "invalid cran_mirror='https://***@mirror/cran': expected an http(s) URL without a password"


@pytest.mark.parametrize(
    ("name", "value"),
    [("apt_mirror", "https://jo:secret@mirror/debian"), ("apt_proxy", "http://jo:secret@proxy:1"),
     ("http_proxy", "jo:secret@proxy:3128"), ("https_proxy", "https://jo:secret@proxy"), ("pypi_index", "//jo:secret@x")],
)  # fmt: skip
def test_no_wrong_setting_shows_its_password(run: Run, name: str, value: str) -> None:
    assert "secret" not in refusal(run, settings.check, **{name: value})


def test_every_setting_has_a_rule_and_every_rule_a_wrong_example() -> None:
    assert set(settings.RULES) == set(conftest.settings())
    assert {name for name, _, _ in WRONG} == set(settings.RULES)


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"version_codename": "buster", "pretty_name": "Debian GNU/Linux 10 (buster)"}, "Debian GNU/Linux 10 (buster)"),
        ({"id": "alpine"}, "alpine (codename '')"),
        ({}, "a system without os-release"),
    ],
)
def test_a_release_without_a_row(run: Run, facts: dict[str, str], named: str) -> None:
    message = refusal(run, settings.check, {OsRelease: facts})
    assert message.startswith(f"release: {named}")
    assert all(
        re.search(rf"\b{codename} \({row.distribution} {row.version}\)", message) for codename, row in RELEASES.items()
    )


def test_a_host_that_is_not_right_is_left_out_and_the_others_go_on(
    run_two: Any, caplog: pytest.LogCaptureFixture
) -> None:
    told: dict[str, tuple[bool, bool, str]] = {}

    def task() -> None:
        answer, this = settings.accepted(), pyinfra.host.name
        failures = [found.failures for found in pyinfra.state.callback_handlers if isinstance(found, summary.Summary)]
        gone = this in {failed.name for failed in pyinfra.state.failed_hosts}
        told[this] = answer, gone, failures[0].get(this, "")[:43] if failures else ""

    run_two(task, {OsRelease: {"id": "arch"}}, {OsRelease: conftest.BOOKWORM})
    assert told["@fake/0"] == (False, True, "refused, nothing changed: release: arch (co")
    assert told["@fake/1"] == (True, False, "")
    assert re.search(r"\[@fake/0\].* release: arch", caplog.text)


def test_where_no_host_is_right_the_run_ends(run: Run, run_two: Any) -> None:
    assert refusal(run, settings.accepted, {OsRelease: {}}).startswith("release: a system without")
    assert refusal(run_two, settings.accepted, {OsRelease: {}}, {OsRelease: {}}).startswith("release: a system without")


@pytest.mark.parametrize(
    ("task", "name", "value"),
    [(ssh.ssh, "ssh_public_key", "garbage"), (user.user, "username", "Jo Doe;id"), (ssh.ssh, "packages", "all")],
)
def test_one_task_alone_checks_all_settings(
    run: Run, task: Callable[[], None], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    monkeypatch.setattr("tests.operations.conftest.run_ops", ran.append)
    assert refusal(run, task, **{name: value}).startswith(f"invalid {name}={value!r}: expected ")
    assert ran == []


def test_every_task_checks_them() -> None:
    named = [path for path in (conftest.ROOT / "tasks").rglob("*.py") if path.name != "settings.py"]
    own = [path.name for path in named if re.search(r"pyinfra\.api import .*\bdeploy\b", path.read_text())]
    assert len(named) > 20 and own == []


def test_one_task_alone_leaves_out_the_host_that_is_not_right(run_two: Any) -> None:
    one, two = run_two(ssh.ssh, {OsRelease: {"id": "arch"}}, {OsRelease: conftest.BOOKWORM})
    assert one == {} and two


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("usrname", ", perhaps username"), ("ssh_public_keys", ", perhaps ssh_public_key"), ("pakages", ", perhaps packages"),
        ("USERNAME", ""), ("zzz", ""),
    ],
)  # fmt: skip
def test_an_unknown_setting_is_refused_with_the_nearest_name_and_without_its_value(
    run: Run, name: str, near: str
) -> None:
    message = refusal(run, settings.check, **{name: "hushhush"})
    assert message == f"invalid {name}=...: expected a setting of group_data/all.py{near}"


def test_pyinfras_own_names_are_known(run: Run) -> None:
    names = ("ssh_user", "ssh_port", "ssh_known_hosts_file", "docker_identifier", "chroot_directory", "_sudo", "_env")
    assert settings.unknown(names) == []
    # As pyinfra before 3.10 reads a file that imports something.
    assert run(settings.check, os=re) == {}


@pytest.mark.parametrize(
    ("locale", "facts", "right"),
    [
        ("xx_XX.UTF-8", {"i18n": "missing"}, False),
        ("xx_XX.UTF-8", {"i18n": "found"}, True),
        ("xx_XX.UTF-8", {Locales: ["xx_XX.UTF-8"]}, True),
        ("C.UTF-8", {"i18n": "missing"}, True),
        # The package is not there yet.
        ("xx_XX.UTF-8", {}, False),
        ("fr_FR.UTF-8", {}, True),
    ],
)
def test_a_locale_that_nobody_has_is_refused_before_anything_changes(
    run: Run, locale: str, facts: dict[type, Any], right: bool
) -> None:
    if right:
        assert run(settings.check, facts, locale=locale) == {}
    else:
        assert refusal(run, settings.check, facts, locale=locale).startswith(f"invalid locale='{locale}': expected ")


def test_a_host_on_which_nothing_can_be_written_is_refused_before_anything_changes(run: Run) -> None:
    found = ["no space in /tmp: expected 1 MB at least", "/usr is read-only"]
    assert refusal(run, settings.check, {Unwritable: found}) == "; ".join(found)


def test_sudo_that_asks_for_a_password_without_a_terminal_is_one_line(
    run: Run, run_two: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def asks() -> None:
        raise EOFError

    message = refusal(run, settings.accepted, {DebArch: asks})
    assert message.startswith("sudo on @fake/target asks for a password: run this in a terminal")
    one, two = run_two(ssh.ssh, {DebArch: asks}, {OsRelease: conftest.BOOKWORM})
    assert one == {} and two and "sudo on @fake/0 asks" in caplog.text
