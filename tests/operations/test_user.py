"""tasks/user.py: the account, its folders, the variables."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import DeployError
from pyinfra.facts.server import OsRelease

from builder.connector import instructions
from tasks import settings, ssh, system, user
from tasks.facts.files import FileContents, PathStats, UserFolder
from tasks.facts.server import Account, AccountRights
from tasks.lib.managed_files import ManagedFile

from .conftest import BOOKWORM, ROOT, Commands, Facts, Run, in_place

GROUP_ADD, ADD, HOME_FOLDER, PROJECT_FOLDER = (
    "Add the user's group",
    "Add the user",
    "Make the home",
    "Make the project folder",
)
WRITE = "Write the environment variables where every login and start-jupyter find them"
PASSWD = ["melda", "x", "1001", "1001", "", "/home/melda", "/bin/bash"]
GROUP = ["melda", "x", "1001", ""]
ACCOUNT = {"name": PASSWD, "number": PASSWD, "group": GROUP, "gid": GROUP}
ENVIRONMENT = """# BEGIN melda-jupyter
username=melda
UHOME=/home/melda
JUPYTER_WORKDIR=/home/melda/project
SRC=/usr/src/melda-jupyter
LANG=en_US.UTF-8
LC_ALL=en_US.UTF-8
PATH=/usr/src/melda-jupyter:/opt/jupyter/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# END melda-jupyter
"""
PROFILE = "".join(
    f"export {line}\n" if line.startswith("PATH") else f'[ -n "${{{line.split("=")[0]}-}}" ] || export {line}\n'
    for line in ENVIRONMENT.splitlines()[1:-1]
).encode()
HOME = {"/home/melda": ("directory", "755", "melda", "melda")} | in_place(
    [ManagedFile("/etc/profile.d/melda-jupyter.sh", PROFILE)]
)
PROJECT = ["directory", "755", "melda", "melda", "ext2/ext3"]
DONE: Facts = {Account: ACCOUNT, PathStats: HOME, FileContents: ENVIRONMENT, UserFolder: PROJECT}
GROUPADD = {GROUP_ADD: ["groupadd melda --gid 1001"]}
USERADD = {ADD: ["useradd -d /home/melda -s /bin/bash -g melda --uid 1001 -m melda"]}


def test_fresh(run: Run) -> None:
    commands = run(user.user)
    assert {name: commands[name] for name in (GROUP_ADD, ADD)} == GROUPADD | USERADD
    assert commands[HOME_FOLDER] == ["mkdir -p /home/melda", "chmod 755 /home/melda", "chown melda:melda /home/melda"]
    assert list(commands)[:4] == [GROUP_ADD, ADD, HOME_FOLDER, PROJECT_FOLDER]
    assert commands.uploads == {
        "/etc/environment.melda-new": ENVIRONMENT.encode(),
        "/etc/profile.d/melda-jupyter.sh.melda-new": PROFILE,
    }


def test_already_there(run: Run) -> None:
    assert run(user.user, DONE) == {}


def test_an_account_without_an_entry_in_shadow_gets_one(run: Run) -> None:
    commands = run(user.user, DONE | {AccountRights: ["group:melda", "no shadow"]})
    assert commands == {"Take from the user what could make it root": ["pwconv && grpconv"]}


def test_a_rule_of_sudos_is_not_ours_to_remove_and_refused(run: Run) -> None:
    """The one for cloud-init's user, say, whom somebody takes for ours."""
    said = "^invalid username='melda': expected an account without sudo, on this host sudo has a rule"
    with pytest.raises(DeployError, match=said):
        run(user.user, DONE | {AccountRights: ["group:melda", "sudo"]})
    # A group's rule goes with the group; whether there is another one is seen then.
    commands = run(user.user, DONE | {AccountRights: ["group:melda", "group:sudo", "sudo"]})
    (taken, checked) = commands["Take from the user what could make it root"]
    assert taken == "gpasswd -d melda sudo"
    assert (
        "sudo -n -l -U melda" in checked
        and "expected an account without sudo" in checked
        and checked.endswith("exit 1; fi")
    )


def test_the_user_cannot_become_root_and_the_account_lasts(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    rights = ["expires", "group:melda", "group:video", "group:sudo", "root:root", "root:wheels"]
    assert run(user.user, DONE | {AccountRights: rights}) == {
        "Take from the user what could make it root": [
            "gpasswd -d melda sudo",
            "gpasswd -d melda root",
            "gpasswd -d melda wheels",
            "usermod -e '' melda",
        ]
    }
    assert "melda was in the group sudo" in caplog.text and "video" not in caplog.text


# stat of coreutils 9.1 (Debian 12) says fuseblk, of 9.7 (Debian 13) fuse.
@pytest.mark.parametrize("kind", ["fuseblk", "fuse"])
def test_a_project_that_is_mounted_stays_as_it_is(run: Run, kind: str) -> None:
    assert run(user.user, DONE | {UserFolder: ["directory", "770", "melda", "melda", kind]}) == {}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change owners")
class TestTheProjectFolder:
    """The command itself, on folders of this machine, where no setting could have them."""

    @pytest.fixture(autouse=True)
    def unchecked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "accepted", lambda: True)

    @staticmethod
    def make(run: Run, home: Path, path: Path) -> subprocess.CompletedProcess[str]:
        facts = DONE | {UserFolder: []}
        (command,) = run(user.user, facts, uhome=str(home), jupyter_workdir=str(path))[PROJECT_FOLDER]
        # There is no melda here.
        command = command.replace("melda:melda", "1001:1001")
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)

    @pytest.fixture
    def home(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:  # not pytest's, which others may not enter
            Path(folder).chmod(0o755)
            home = Path(folder) / "home"
            home.mkdir()
            os.chown(home, 1001, 1001)
            yield home

    @pytest.mark.parametrize("path", ["project", "my work/project"])
    def test_is_made_by_the_user(self, run: Run, home: Path, path: str) -> None:
        done = self.make(run, home, home / path)
        assert (done.returncode, done.stderr) == (0, "")
        for folder in (home / path, (home / path).parent):
            assert (folder.stat().st_uid, folder.stat().st_mode & 0o7777) == (1001, 0o755)
        assert self.make(run, home, home / path).returncode == 0

    def test_becomes_the_users_and_what_is_in_it_stays(self, run: Run, home: Path) -> None:
        (home / "project" / "inner").mkdir(parents=True)
        (home / "project").chmod(0o555)
        assert self.make(run, home, home / "project").returncode == 0
        found = (home / "project").stat()
        assert (found.st_uid, found.st_mode & 0o7777) == (1001, 0o755)
        assert (home / "project" / "inner").stat().st_uid == 0

    @pytest.mark.parametrize("path", ["project", "work/project"])
    def test_is_no_link_and_in_none(self, run: Run, home: Path, path: str) -> None:
        """The folder above is the user's, too: as a link it leads to another folder of that name."""
        roots = home.parent / "roots"
        (roots / "project").mkdir(parents=True)
        (roots / "project").chmod(0o700)
        (home / path.split("/")[0]).symlink_to(roots if "/" in path else roots / "project")
        done = self.make(run, home, home / path)
        assert done.returncode == 1 and "symbolic link" in done.stderr and done.stderr.count("\n") == 1
        found = (roots / "project").stat()
        assert (found.st_uid, found.st_mode & 0o7777) == (0, 0o700)


def passwd(**fields: str) -> dict[str, list[str]]:
    order = ("name", "password", "uid", "gid", "comment", "home", "shell")
    entry = [fields.get(field, value) for field, value in zip(order, PASSWD, strict=True)]
    return ACCOUNT | {"name": entry, "number": entry}


@pytest.mark.parametrize(
    ("account", "commands"),
    [
        ({"group": GROUP, "gid": GROUP}, USERADD),
        (passwd(shell="/bin/sh"), {ADD: ["usermod -s /bin/bash melda"]}),
        (passwd(home="/home/other"), {ADD: ["usermod -d /home/melda melda"]}),
        (passwd(gid="100"), {ADD: ["usermod -g melda melda"]}),
        (passwd(gid="100") | {"group": [], "gid": []}, GROUPADD | {ADD: ["usermod -g melda melda"]}),
    ],
)
def test_half_there(run: Run, account: dict[str, list[str]], commands: dict[str, list[str]]) -> None:
    account = {kind: entry for kind, entry in account.items() if entry}
    assert run(user.user, DONE | {Account: account}) == commands


def test_a_folder_that_became_a_link_is_refused_and_not_followed(run: Run) -> None:
    commands = run(user.user, DONE | {UserFolder: ["symbolic link", "777", "melda", "melda", "ext2/ext3"]})
    assert list(commands) == [PROJECT_FOLDER]
    assert (
        "echo '/home/melda/project is a symbolic link: it must be a folder' >&2; exit 1" in commands[PROJECT_FOLDER][0]
    )


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (
            {"number": ["docker", *PASSWD[1:]]},
            "invalid uid=1001: expected a number that is free, on this host it belongs to docker",
        ),
        (
            {"gid": ["staff", "x", "1001", ""]},
            "invalid uid=1001: expected a number that is free, on this host it belongs to staff",
        ),
        (
            {"name": ["melda", "x", "1005", "1005", "", "/home/melda", "/bin/bash"]},
            "invalid username='melda': expected the number uid=1001, on this host it has 1005",
        ),
        (
            {"group": ["melda", "x", "50", ""]},
            "invalid username='melda': expected the number uid=1001, on this host it has 50",
        ),
    ],
)
def test_a_taken_name_or_number_is_refused_before_anything(
    run: Run, account: dict[str, list[str]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    monkeypatch.setattr("tests.operations.conftest.run_ops", ran.append)
    with pytest.raises(DeployError) as error:
        run(user.user, {Account: account})
    assert str(error.value) == words
    assert ran == []


@pytest.mark.parametrize("found", [("link", "/home/real"), ("file", "644", "root", "root", "0")])
def test_a_home_that_is_no_folder_is_refused_before_anything(run: Run, found: tuple[str, ...]) -> None:
    with pytest.raises(
        DeployError, match="^invalid uhome='/home/melda': expected a folder, or nothing, on this host it is"
    ):
        run(user.user, DONE | {PathStats: HOME | {"/home/melda": found}})


def test_a_host_whose_account_is_taken_is_left_out_and_the_others_go_on(
    run_two: Any, caplog: pytest.LogCaptureFixture
) -> None:
    facts = {OsRelease: BOOKWORM}
    taken = {Account: {"number": ["jo", *PASSWD[1:]]}}

    def task() -> None:
        system.system()
        user.user()
        ssh.ssh()  # of the host that is left out nothing is asked any more

    one, two = run_two(task, facts | taken, facts)
    assert one == {} and two[ADD] == USERADD[ADD]
    assert "[@fake/0]" in caplog.text and "invalid uid=1001: expected a number that is free" in caplog.text


def test_the_account_is_asked_for_by_the_settings(run: Run) -> None:
    asked: list[dict[str, Any]] = []
    run(user.user, {Account: lambda **arguments: asked.append(arguments) or {}}, username="jo", uid=1007)
    assert asked[0] == {"username": "jo", "uid": 1007}


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("username", "jo", "username=jo"),
        ("uhome", "/srv/jo", "UHOME=/srv/jo"),
        ("src", "/opt/src", "SRC=/opt/src"),
        ("python_env", "/opt/py", "PATH=/usr/src/melda-jupyter:/opt/py/bin:"),
        ("locale", "C.UTF-8", "LANG=C.UTF-8"),
    ],
)
def test_the_variables_follow_the_settings(run: Run, setting: str, value: str, line: str) -> None:
    project = {"jupyter_workdir": "/srv/jo/project"} if setting == "uhome" else {}
    commands = run(user.user, DONE | {Account: {}}, **{setting: value}, **project)
    assert line in commands.uploads["/etc/environment.melda-new"].decode()


def test_others_variables_stay(run: Run) -> None:
    commands: Commands = run(user.user, DONE | {FileContents: "http_proxy=http://p:1\n"})
    assert commands.uploads["/etc/environment.melda-new"].decode() == "http_proxy=http://p:1\n" + ENVIRONMENT


def _env(dockerfile: Path) -> dict[str, str]:
    (line,) = (line for line in instructions(dockerfile.read_text(), {}) if line.startswith("ENV "))
    return dict(pair.split("=", 1) for pair in line.split()[1:])  # type: ignore[misc]


@pytest.mark.parametrize(
    ("below", "moved"),
    [("UHOME=/x\n", True), ("EDITOR=vi\n  export PATH = /bin\n", True), ("#UHOME=/x\nMY_UHOME=/x\n", False)],
)
def test_no_line_below_wins_over_ours(run: Run, below: str, moved: bool, caplog: pytest.LogCaptureFixture) -> None:
    commands = run(user.user, DONE | {FileContents: ENVIRONMENT + below})
    written = {"/etc/environment.melda-new": (below + ENVIRONMENT).encode()} if moved else {}
    assert commands.uploads == written
    assert ("again below what is the deploy's" in caplog.text) is moved


def test_docker_says_the_same_variables() -> None:
    assert _env(ROOT / "Dockerfile.base") == dict(line.split("=", 1) for line in ENVIRONMENT.splitlines()[1:-1])
