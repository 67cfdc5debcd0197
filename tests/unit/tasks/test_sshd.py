"""tasks/lib/sshd.py: whose settings count. What sshd itself says of such a configuration is in tests/container/test_ssh.py."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.facts.ssh import SshdProblem
from tasks.lib import sshd
from tests.operations.conftest import ROOT

# The first value counts, as with sshd; what it does not know is an error.
SSHD = """#!/bin/sh
while [ "$1" != -f ]; do shift; done
sed -n 's/^Include //p' "$2" >"$2.included"
sed "/^Include/{s/.*/cat $(sed 's,/,\\\\/,g' "$2.included")/e}" "$2" | grep -v '^#' | awk '
    tolower($1) == "foo" { print "line 1: Bad configuration option: Foo\\r" >"/dev/stderr"; exit 255 }
    { name = tolower($1); sub("challengeresponse", "kbdinteractive", name) } NF > 1 && !seen[name]++ { print name, $2 }'
"""


def said(folder: Path, text: str, files: dict[str, str], new: str = "", shut: bool = False) -> str:
    """What the shell says of this configuration; INCLUDE stands for the line that includes the folder."""
    (folder / "sshd").write_text(SSHD)
    (folder / "sshd").chmod(0o755)
    inside = folder / sshd.FOLDER[1:]
    inside.mkdir(parents=True)
    (folder / sshd.CONFIG[1:]).write_text(text.replace("INCLUDE", f"Include {inside}/*.conf") + "\n")
    for name, content in files.items():
        (inside / name).write_text(content + "\n")
    command = sshd.problem(new, str(folder), str(folder / "sshd"), shut)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) <= 1
    return done.stdout.replace(str(folder), "")


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(
    ("text", "files", "beginning"),
    [
        ("INCLUDE", {}, ""),
        ("INCLUDE\nPasswordAuthentication yes", {"50-cloud-init.conf": "PasswordAuthentication yes"}, ""),
        ("PasswordAuthentication yes\nINCLUDE", {}, "/etc/ssh/sshd_config lets in"),
        ("PermitRootLogin yes\nINCLUDE", {"90-x.conf": "PermitRootLogin yes"}, "/etc/ssh/sshd_config lets in"),
        ("INCLUDE", {"00-site.conf": "PermitEmptyPasswords yes"}, "/etc/ssh/sshd_config.d/00-site.conf lets in"),
        ("INCLUDE", {"00-a.conf": "ChallengeResponseAuthentication yes"}, "/etc/ssh/sshd_config.d/00-a.conf lets in"),
        ("INCLUDE", {"00-a.conf": "PasswordAuthentication yes\nAuthenticationMethods publickey,password"}, ""),
        ("Foo 1\nINCLUDE", {}, "sshd does not take its configuration: line 1: Bad configuration option: Foo"),
    ],
)  # fmt: skip
def test_whose_settings_count(tmp_path: Path, text: str, files: dict[str, str], beginning: str, in_place: bool) -> None:
    ours = ROOT / "files/ssh/sshd.conf"
    if in_place:
        files = {**files, "10-melda-jupyter.conf": ours.read_text()}
    found = said(tmp_path, text, files, "" if in_place else str(ours))
    assert found.startswith(beginning) and bool(found) == bool(beginning), found


def test_what_cannot_be_judged_is_not_taken_for_right(tmp_path: Path) -> None:
    assert said(tmp_path, "INCLUDE", {}, "/nowhere").startswith("sshd does not take its configuration: ")


@pytest.mark.parametrize(
    ("first", "shut"),
    [
        ("PermitRootLogin no", "permitrootlogin"),
        ("PubkeyAuthentication no", "pubkeyauthentication"),
        ("AllowUsers admin", "allowusers"),
        ("AllowUsers root@10.0.0.0/8", ""),
        ("AllowUsers !root", "allowusers"),
        ("DenyUsers root", "denyusers"),
        ("DenyUsers eve", ""),
        ("AllowGroups admins", "allowgroups"),
        ("AllowGroups root", ""),
        ("AuthorizedKeysFile none", "authorizedkeysfile"),
        ("AuthorizedKeysFile .ssh/keys", ""),
    ],
)
def test_who_shuts_root_out(tmp_path: Path, first: str, shut: str) -> None:
    ours = (ROOT / "files/ssh/sshd.conf").read_text()
    files = {"00-site.conf": first, "10-melda-jupyter.conf": ours}
    assert said(tmp_path, "INCLUDE", files, shut=True) == (f"shut:{shut}\n" if shut else "")


def test_without_a_temporary_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder /d and a key /key were made, beside the root."""
    monkeypatch.setenv("TMPDIR", "/nowhere")
    assert said(tmp_path, "INCLUDE", {}) == "sshd's configuration cannot be judged: expected room in /tmp\n"


def test_without_our_settings_in_place_there_is_nothing_to_say() -> None:
    assert SshdProblem().command().startswith(f"[ ! -e {sshd.OURS} ] || ")
