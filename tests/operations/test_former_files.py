"""tasks/former_files.py: what an earlier version wrote and this one does not want is removed, and nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from melda.base.paths import MANAGED, RPROFILE
from pyinfra.facts.server import OsRelease

from tasks import former_files, leftovers, ssh, user
from tasks.facts.apt import Reachable
from tasks.facts.files import FileContents, PathStats, folders_above
from tasks.lib.managed_list import Managed, parsed

from .conftest import FOCAL, PUBLIC_KEY, Facts, Run
from .test_deploy import whole

REMOVE = "Remove what the project no longer has"
NOTE = "Write down what the project has"
OURS = ("file", "644", "root", "root", "0")
FOLDER = ("directory", "755", "root", "root")
LIST = {MANAGED: OURS, MANAGED.rpartition("/")[0]: FOLDER}


def tasks() -> None:
    """A deploy that has nothing but root's key and the variables, whole."""
    former_files.former_files()
    user.user()
    ssh.ssh()
    leftovers.leftovers()


def there(
    lines: str, *found: tuple[str, tuple[str, ...]], text: str = "", stats: dict[str, Any] | None = None
) -> Facts:
    """A target with a list of these lines, and these paths in folders of root's."""
    paths = dict(found)
    about = dict.fromkeys(folders_above(paths), FOLDER) | paths | LIST | (stats or {})
    return {
        FileContents: lambda path: lines if path == MANAGED else text if path in paths else "",
        PathStats: about,
    }


def removed(run: Run, *arguments: Any, **more: Any) -> list[str]:
    """The commands that the first operation runs, without those that write the list."""
    return [command for command in run(tasks, there(*arguments, **more))[REMOVE] if MANAGED not in command]


def test_all_that_the_deploy_puts_in_place_is_written_down(run: Run) -> None:
    commands = run(whole, {OsRelease: FOCAL, Reachable: True}, ssh_public_key=PUBLIC_KEY)
    noted = parsed(commands.uploads[MANAGED + ".melda-new"].decode())
    put = {path.removesuffix(".melda-new") for path in commands.uploads if path.endswith(".melda-new")}
    text = "\n".join(line for lines in commands.values() for line in lines)
    links = set(re.findall(r"^ln -sfT \S+ (\S+)\.melda-new", text, re.MULTILINE))
    assert len(put) > 150 and len(links) > 4
    # The settings of a host are its people's, from the first time on.
    assert put | links <= {one.path for one in noted}
    assert {Managed("/root/.ssh/authorized_keys", "block", "melda-jupyter")} <= noted
    assert Managed("/usr/local/bin/start-jupyter", "link") in noted


def test_a_setting_that_changes_changes_no_list(run: Run) -> None:
    lists = {
        run(whole, ssh_public_key=key, pypi_index=index).uploads[MANAGED + ".melda-new"]
        for key, index in (("", ""), (PUBLIC_KEY, "https://pypi.example/simple"))
    }
    assert len(lists) == 1


def test_what_is_in_the_list_and_wanted_by_nobody_is_removed(run: Run) -> None:
    lines = "directory /etc/jupyter/old\nfile /etc/jupyter/old/a.py\nlink /usr/local/bin/old\nfile /etc/gone\n"
    found = removed(
        run,
        lines,
        ("/etc/jupyter/old", FOLDER),
        ("/etc/jupyter/old/a.py", OURS),
        ("/usr/local/bin/old", ("link", "/x")),
    )
    assert found == [
        "rm -f -- /etc/jupyter/old/a.py\n"
        "rm -f -- /etc/jupyter/old/__pycache__/a.*.pyc\n"
        "[ ! -d /etc/jupyter/old/__pycache__ ] || rmdir --ignore-fail-on-non-empty /etc/jupyter/old/__pycache__\n"
        "rm -f -- /usr/local/bin/old\n"
        "dpkg-query --search /etc/jupyter/old >/dev/null 2>&1 || rmdir --ignore-fail-on-non-empty /etc/jupyter/old"
    ]


def test_a_unit_is_disabled_and_stopped_and_certificates_are_told(run: Run) -> None:
    unit, trusted = "/etc/systemd/system/melda-old.service", "/usr/local/share/ca-certificates/melda-jupyter-9.crt"
    (script,) = removed(run, f"file {unit}\nfile {trusted}\n", (unit, OURS), (trusted, OURS))
    lines = script.split("\n")
    assert lines[:4] == [
        "touch /usr/local/share/ca-certificates/.melda-jupyter.pending",
        "systemctl --quiet disable melda-old.service || :",
        "[ ! -d /run/systemd/system ] || systemctl --quiet stop melda-old.service || :",
        f"rm -f -- {unit}",
    ]
    assert lines[-2].endswith("systemctl daemon-reload")
    assert lines[-1].startswith("update-ca-certificates --fresh >/dev/null && rm -f ")


@pytest.mark.parametrize(
    ("now", "above"),
    [
        (FOLDER, FOLDER),
        (("link", "/etc/passwd"), FOLDER),
        (OURS, ("directory", "755", "melda", "melda")),
        (OURS, ("directory", "777", "root", "root")),
        (OURS, ("directory", "775", "root", "melda")),
        (OURS, ("link", "/home/melda")),
    ],
)
def test_what_is_another_kind_now_or_may_be_moved_stays(run: Run, now: Any, above: Any) -> None:
    assert removed(run, "file /srv/x/old\n", ("/srv/x/old", now), stats={"/srv/x": above}) == []


def test_a_folder_of_debians_own_group_is_roots(run: Run) -> None:
    found = removed(
        run, "file /srv/x/old\n", ("/srv/x/old", OURS), stats={"/srv/x": ("directory", "2775", "root", "staff")}
    )
    assert found == ["rm -f -- /srv/x/old"]


@pytest.mark.parametrize(
    ("lines", "about"),
    [
        ("file /etc/old\n", ("file", "666", "root", "root", "0")),
        ("file /etc/old\n", ("file", "644", "melda", "melda", "0")),
        ("file /etc/old\n", ("link", "/home/melda/list")),
        ("file /etc/x/../old\nfile etc/old\nfile /etc/old;reboot\nrubbish\nfile\n", OURS),
    ],
)
def test_a_list_that_is_not_roots_or_not_a_list_removes_nothing(run: Run, lines: str, about: Any) -> None:
    found = [("/etc/old", OURS), ("/etc/x/../old", OURS)]
    commands = run(tasks, there(lines, *found, stats={MANAGED: about}))
    assert not any("/old" in command for command in commands[REMOVE])
    assert parsed(commands.uploads[MANAGED + ".melda-new"].decode())


def test_a_block_is_taken_out_of_a_file_of_others(run: Run) -> None:
    text = "before\n# BEGIN melda-jupyter old\nx\n# END melda-jupyter old\nafter\n"
    commands = run(tasks, there(f"block {RPROFILE} melda-jupyter old\n", (RPROFILE, OURS), text=text))
    assert commands.uploads[RPROFILE + ".melda-new"] == b"before\nafter\n"


def test_one_task_alone_removes_nothing_and_writes_no_list(run: Run) -> None:
    def alone() -> None:
        ssh.ssh()
        leftovers.leftovers()

    commands = run(alone, there("file /etc/old\n", ("/etc/old", OURS)))
    assert REMOVE not in commands and NOTE not in commands


def test_a_dry_run_counts_it_once(run: Run, dry_run: Callable[..., int]) -> None:
    listed = run(tasks, there("")).uploads[MANAGED + ".melda-new"].decode()

    def changes(lines: str) -> int:
        about = {MANAGED: (*OURS[:4], hashlib.sha256(lines.encode()).hexdigest())}
        return dry_run(tasks, there(lines, ("/etc/old", OURS), stats=about))

    assert changes(listed + "file /etc/old\n") == changes(listed) + 1
