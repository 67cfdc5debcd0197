"""tasks/ssh.py: what it would run on a fresh target, on one that has it all, and on one that has half."""

from __future__ import annotations

import hashlib
import shlex
from typing import Any

import pytest
from pyinfra.facts.deb import DebPackages

from tasks import ssh
from tasks.facts.files import FileContents, PathStats
from tasks.facts.server import LedTo
from tasks.facts.ssh import ImageHostKeys, SshdProblem
from tasks.lib import managed_files, sshd

from .conftest import PUBLIC_KEY, Run

CONFIG = "/etc/ssh/sshd_config.d/10-melda-jupyter.conf"
KEY = PUBLIC_KEY + " platform"
IN_PLACE = {
    CONFIG: ("file", "600", "root", "root", hashlib.sha256(managed_files.source("ssh/sshd.conf")).hexdigest()),
    "/root/.ssh": ("directory", "700", "root", "root"),
    sshd.CONFIG: ("file", "600", "root", "root", "of the distribution"),
}
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"
RESTORE = "Let only root read sshd's configuration"


def texts(keys: str = "", configuration: str = INCLUDE) -> Any:
    return lambda path: {sshd.CONFIG: configuration}.get(path, keys if path.endswith("authorized_keys") else "")


DONE: dict[type, Any] = {DebPackages: {"openssh-server"}, PathStats: IN_PLACE, FileContents: texts()}


def test_fresh(run: Run) -> None:
    commands = run(ssh.ssh, {ImageHostKeys: ["/etc/ssh/ssh_host_ed25519_key"]}, ssh_public_key=KEY)
    assert " install openssh-server; " in commands["Install the OpenSSH server"][0]
    put, check, move = commands["Configure sshd: root with a key, nobody with a password"]
    assert put == f"put {CONFIG}.melda-new"
    assert sshd.problem(f"{CONFIG}.melda-new") in check, "the whole is checked before it is in place"
    assert (
        move
        == f"chown root:root {CONFIG}.melda-new && chmod 600 {CONFIG}.melda-new && mv -fT {CONFIG}.melda-new {CONFIG}"
    )
    assert commands["Make root's ssh folder"][0].endswith("chown -h root:root /root/.ssh && chmod 700 /root/.ssh/.")
    assert commands["Put the platform's public key in place"][0] == "put /root/.ssh/authorized_keys.melda-new"
    assert commands["Remove host keys that all containers would share"] == ["rm -rf -- /etc/ssh/ssh_host_ed25519_key"]


def test_already_there(run: Run) -> None:
    block = f"# BEGIN melda-jupyter\n{KEY}\n# END melda-jupyter\n"
    assert run(ssh.ssh, DONE | {FileContents: texts(block)}, ssh_public_key=KEY) == {}


def test_no_key_writes_no_file(run: Run) -> None:
    assert run(ssh.ssh, DONE) == {}


@pytest.mark.parametrize(
    ("others", "commands"), [("", ["rm -f /root/.ssh/authorized_keys"]), ("ssh-ed25519 AAAA admin\n", None)]
)
def test_a_key_that_is_taken_back_leaves_nothing_of_ours(run: Run, others: str, commands: list[str] | None) -> None:
    text = f"{others}# BEGIN melda-jupyter\n{KEY}\n# END melda-jupyter\n"
    found = run(ssh.ssh, DONE | {FileContents: texts(text)})
    if commands:
        assert found == {"Put the platform's public key in place": commands}
    else:
        assert found.uploads["/root/.ssh/authorized_keys.melda-new"].decode() == others


def test_an_administrators_keys_stay(run: Run) -> None:
    commands = run(ssh.ssh, DONE | {FileContents: texts("ssh-ed25519 AAAA admin\n")}, ssh_public_key=KEY)
    written = commands.uploads["/root/.ssh/authorized_keys.melda-new"].decode()
    assert written == f"ssh-ed25519 AAAA admin\n# BEGIN melda-jupyter\n{KEY}\n# END melda-jupyter\n"
    assert "chmod 600" in commands["Put the platform's public key in place"][1]


def test_where_root_keeps_its_keys_elsewhere_they_stay(run: Run) -> None:
    """The link set aside, root's keys were gone, and sshd takes no password."""
    linked = IN_PLACE | {"/root/.ssh": ("link", "/persist/ssh"), sshd.CONFIG: ("link", "/persist/sshd_config")}
    commands = run(ssh.ssh, DONE | {PathStats: linked}, ssh_public_key=KEY)
    assert list(commands) == ["Put the platform's public key in place"]
    assert run(ssh.ssh, DONE | {PathStats: linked}) == {}


KEYS, ELSEWHERE = "/root/.ssh/authorized_keys", "/persist/keys"
ADMINS = "ssh-ed25519 AAAA admin\n"
BLOCK = f"# BEGIN melda-jupyter\n{KEY}\n# END melda-jupyter\n"


@pytest.mark.parametrize(
    ("text", "key", "written"), [(ADMINS, KEY, ADMINS + BLOCK), (ADMINS + BLOCK, "", ADMINS), (BLOCK, "", "")]
)
def test_keys_that_are_kept_elsewhere_are_written_there(run: Run, text: str, key: str, written: str) -> None:
    """The link was replaced by a copy, which no longer followed what is kept there."""
    linked = IN_PLACE | {KEYS: ("link", ELSEWHERE), ELSEWHERE: ("file", "600", "root", "root", "")}
    facts = DONE | {PathStats: linked, FileContents: texts(text), LedTo: [ELSEWHERE]}
    commands = run(ssh.ssh, facts, ssh_public_key=key)
    assert {path: bytes(data).decode() for path, data in commands.uploads.items()} == {
        f"{ELSEWHERE}.melda-new": written
    }
    assert not [command for command in commands["Put the platform's public key in place"] if KEYS in command]


@pytest.mark.parametrize(
    ("text", "key", "stays"), [(BLOCK, KEY, True), ("", "", True), (ADMINS, KEY, False), (BLOCK, "", False)]
)
def test_keys_where_others_write_are_refused_unless_they_are_as_they_shall_be(
    run: Run, text: str, key: str, stays: bool
) -> None:
    """Or behind a second link. A key that was rotated or withdrawn stayed valid, and the run ended with 0."""
    facts = DONE | {PathStats: IN_PLACE | {KEYS: ("link", ELSEWHERE)}, FileContents: texts(ADMINS + text)}
    line = (
        f"{KEYS} is a link to {ELSEWHERE}, and the block melda-jupyter is not as it shall be there: expected a file, or a link"
        " straight to one that is root's alone, as all above it"
    )
    commands = [] if stays else [f"echo {shlex.quote(line)} >&2; exit 1"]
    assert run(ssh.ssh, facts, ssh_public_key=key).get("Put the platform's public key in place", []) == commands


@pytest.mark.parametrize(
    "found",
    [("file", "644", "root", "root", "of the distribution"), ("file", "600", "melda", "root", "of the distribution")],
)
def test_the_distributions_configuration_is_roots_to_read(run: Run, found: tuple[str, ...]) -> None:
    assert run(ssh.ssh, DONE | {PathStats: IN_PLACE | {sshd.CONFIG: found}}) == {
        RESTORE: ["chown root:root /etc/ssh/sshd_config && chmod 600 /etc/ssh/sshd_config"]
    }


def test_without_it_sshd_would_take_passwords(run: Run) -> None:
    made = "install -m 600 /usr/share/openssh/sshd_config /etc/ssh/sshd_config.melda-new"
    without = {path: found for path, found in IN_PLACE.items() if path != sshd.CONFIG}
    for facts in (
        {PathStats: without, FileContents: texts(configuration="")},
        {FileContents: texts(configuration="")},
        {
            PathStats: without | {sshd.CONFIG: ("directory", "755", "root", "root")},
            FileContents: texts(configuration=""),
        },
    ):
        commands = run(ssh.ssh, DONE | facts)[RESTORE]
        assert commands[-1].startswith(made)
        aside = facts.get(PathStats, {}).get(sshd.CONFIG, ("",))[0] == "directory"
        assert commands[0].startswith("mv -T /etc/ssh/sshd_config ") == aside


def test_one_that_does_not_include_ours_is_refused(run: Run) -> None:
    (refused,) = run(ssh.ssh, DONE | {FileContents: texts(configuration="Port 22\n")})[RESTORE]
    assert "must begin with Include" in refused and refused.endswith("exit 1")


def test_settings_before_ours_are_refused_at_each_run(run: Run) -> None:
    """Somebody adds /etc/ssh/sshd_config.d/00-site.conf with PasswordAuthentication yes, and ours no longer count."""
    (refused,) = run(ssh.ssh, DONE | {SshdProblem: ["00-site.conf lets in who has no key"]}).pop(
        "Make sure that sshd lets in nobody without a key"
    )
    assert refused == "echo '00-site.conf lets in who has no key' >&2; exit 1"


def test_half_there_only_the_wrong_mode_is_mended(run: Run) -> None:
    half = IN_PLACE | {"/root/.ssh": ("directory", "755", "root", "root")}
    assert list(run(ssh.ssh, DONE | {PathStats: half})) == ["Make root's ssh folder"]


@pytest.mark.parametrize(("key", "refused"), [(PUBLIC_KEY, True), ("", False)])
def test_a_key_with_which_root_does_not_come_in_is_refused(run: Run, key: str, refused: bool) -> None:
    """A drop-in that shuts root out came first: the run ended with 0, and ssh with "Permission denied"."""
    commands = run(ssh.ssh, {SshdProblem: ["shut:allowusers"]}, ssh_public_key=key)
    said = commands.get("Make sure that sshd lets in nobody without a key", [])
    assert [("(allowusers)" in line) for line in said] == [True] * refused
