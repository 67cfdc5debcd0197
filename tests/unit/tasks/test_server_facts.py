"""What keeps files from being written as they shall be, by a real shell."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from pyinfra.facts.server import Users

from tasks.facts.server import LedTo, OneOfUsers, OpenToOthers, Unwritable


@pytest.mark.parametrize("name", ["root", "daemon", "games", "nobodyhere"])
def test_one_account_is_as_pyinfra_says_of_all(name: str) -> None:
    def said(fact: Users, command: str) -> dict[str, dict[str, object]]:
        shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        found: dict[str, dict[str, object]] = fact.process(shown.stdout.splitlines())
        return {user: {**about, "lastlog": None, "login_time": None, "password": ""} for user, about in found.items()}

    everybody = said(Users(), Users().command())
    assert "root" in everybody
    mine = OneOfUsers()
    assert said(mine, mine.command(name)) == ({name: everybody[name]} if name in everybody else {})


ASKED = {"uid": 1001, "places": ["/usr/src/melda-jupyter"]}


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    df = tmp_path / "df"
    df.write_text(
        "#!/bin/sh\necho Filesystem\ncase $* in '-Pk /tmp') echo x 9 9 1023 9;; '-Pi /usr') echo x 999 900 99 99;;"
        " '-Pi /etc') echo x - - - -;; '-Pi /var/lib') echo x 0 0 0 -;; '-Pi /tmp') exit 9;; *) echo x 9 9 1024 9;; esac\n"
    )
    df.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    command = Unwritable().command(**ASKED).replace("/opt", f"{tmp_path}/none").replace("/var/tmp", str(df))
    shown = subprocess.run(["sh", "-c", command], env={"PATH": path}, capture_output=True, text=True, check=True)
    lines = [
        "no space in /tmp: expected 1 MB at least",
        "no inodes in /usr: expected 100 at least",
        f"{df} is no folder",
    ]
    assert shown.stdout.splitlines() == [*lines, "done"]


@pytest.mark.skipif(os.geteuid() != 0, reason="folders that are root's alone, and somebody else's")
def test_a_link_where_people_keep_things_leads_to_what_is_roots_alone() -> None:
    with tempfile.TemporaryDirectory(dir="/root") as root:
        for name in ("root", "etc/apt", "keep/keyrings", "theirs/melda", "open/ssh"):
            Path(root, name).mkdir(parents=True)
        Path(root, "keep/keys").write_text("")
        Path(root, "open").chmod(0o777)
        os.chown(f"{root}/theirs", 1001, 1001)
        links = {
            "etc/apt/keyrings": "../../keep/keyrings",
            "root/.ssh": f"{root}/keep/keyrings",
            "keep/keyrings/authorized_keys": "../keys",
            "etc/melda-jupyter": f"{root}/keep",
        }
        for name, to in links.items():
            Path(root, name).symlink_to(to)
        fact = Unwritable()
        fact.root = root
        first = f"for p in {root}/root/"
        command = first + fact.command(**ASKED).partition(first)[2]

        def told() -> list[str]:
            shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
            assert shown.stderr == ""
            return [line.removeprefix(root) for line in fact.process(shown.stdout.splitlines())]

        assert told() == []
        keep = Path(root, "etc/melda-jupyter")
        Path(root, "by").symlink_to("keep")
        for to in ("theirs/melda", "theirs", "open/ssh", "open", "nowhere", "keep/keys", "by"):
            keep.unlink()
            keep.symlink_to(f"{root}/{to}")
            assert told() == [
                f"/etc/melda-jupyter is a link to {root}/{to}:"
                " expected a folder, or a link to one that is root's alone, as all above it"
            ]
        keep.unlink()
        Path(root, "keep/keys").unlink()
        assert told() == [
            "/root/.ssh/authorized_keys is a link to ../keys, where no file is: expected a file, or a link to one"
        ]


@pytest.mark.skipif(os.geteuid() != 0, reason="files that are root's alone, and somebody else's")
def test_a_link_is_followed_to_a_file_that_is_roots_alone() -> None:
    with tempfile.TemporaryDirectory(dir="/root") as root:
        for name in ("it's", "open"):
            Path(root, name).mkdir()
            Path(root, name, "keys").write_text("")
        Path(root, "open").chmod(0o777)
        Path(root, "theirs").write_text("")
        os.chown(f"{root}/theirs", 1001, 1001)
        Path(root, "by").symlink_to("it's/keys")
        keys = Path(root, "authorized_keys")
        found = {}
        for to in ("it's/keys", "theirs", "open/keys", "open", "by", "nowhere"):
            keys.symlink_to(to)
            command = LedTo().command(str(keys))
            shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
            found[to] = shown.stdout
            keys.unlink()
        assert {to: text for to, text in found.items() if text} == {"it's/keys": f"{root}/it's/keys\n"}


@pytest.mark.skipif(os.geteuid() != 0, reason="files that are root's, and somebody else's")
def test_what_others_can_read_is_seen_through_links(tmp_path: Path) -> None:
    link = tmp_path / "it's"
    (tmp_path / "by").symlink_to("file")
    link.symlink_to("by")

    def told() -> str:
        command = OpenToOthers().command(str(link))
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout

    for mode, owner, is_open in (
        (0o600, 0, False),
        (0o400, 0, False),
        (0o644, 0, True),
        (0o640, 0, True),
        (0o600, 1001, True),
    ):
        (tmp_path / "file").write_text("")
        os.chown(tmp_path / "file", owner, 0)
        (tmp_path / "file").chmod(mode)
        assert told() == (f"{link}\n" if is_open else "")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes the user")
def test_what_the_user_may_not_enter_or_read_is_told() -> None:
    """With /opt for root alone, or an archive of locales, a run changed nothing, and nothing started for the user."""
    with tempfile.TemporaryDirectory() as root:  # pytest's own is closed itself
        for name in ("", "opt", "home"):
            Path(root, name).mkdir(exist_ok=True)
            Path(root, name).chmod(0o755)
        (archive := Path(root, "archive")).write_text("")
        fact = Unwritable()

        def told() -> list[str]:
            command = fact.command(1001, [f"{root}/opt/env", f"{root}/home/melda"])
            command = command.replace("/usr/lib/locale/locale-archive", str(archive))
            shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
            return [line for line in shown.stdout.splitlines() if line.startswith(root)]

        assert told() == []
        for path, letter in ((Path(root, "opt"), "x"), (archive, "r")):
            path.chmod(0o700)
            assert told() == [
                f"{path} is closed to the user: expected everybody to be let in (chmod o+{letter} {path})"
            ]
            os.chown(path, 0, 1001)
            path.chmod(0o750)
            assert told() == [], "the user's group may"


@pytest.mark.parametrize(("account", "groups"), [("true", "--init-groups"), ("false", "--clear-groups")])
def test_a_user_who_is_there_comes_in_by_each_of_its_groups(tmp_path: Path, account: str, groups: str) -> None:
    """A home below a folder of a group's: a host that had been right was refused."""
    (tmp_path / "closed").mkdir(mode=0o700)
    for name, text in (("getent", account), ("setpriv", f'echo "$*" >>{tmp_path}/asked')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    command = Unwritable().command(1001, [f"{tmp_path}/closed/home"])
    subprocess.run(["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=True)
    assert f"--reuid=1001 --regid=1001 {groups} test -x {tmp_path}/closed\n" in (tmp_path / "asked").read_text()
