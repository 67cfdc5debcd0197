"""What pyinfra's own operations and facts do, where we have our own: each case is the reason of one of ours.

Where a case fails on a later pyinfra, ours may go. test_pyinfra_versions.py runs this on the other pinned versions.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pyinfra.facts.files as facts_of_files
import pytest
from pyinfra import host, state
from pyinfra.api import FileUploadCommand, StringCommand
from pyinfra.api.exceptions import OperationError
from pyinfra.connectors.util import make_unix_command
from pyinfra.facts.apt import AptSources, SimulateOperationWillChange
from pyinfra.facts.deb import DebPackages
from pyinfra.facts.files import Block, Directory, File, FindFiles, FindInFile
from pyinfra.facts.pip import PipPackages
from pyinfra.facts.server import Groups, Locales, Users
from pyinfra.facts.systemd import SystemdEnabled, SystemdStatus
from pyinfra.operations import apt, files, pip, server, systemd

from tasks.facts.ssh import ImageHostKeys
from tasks.operations import managed_files

from .conftest import Facts, Run

X = partial(io.StringIO, "x")
OPEN = {"mode": 644, "user": "root", "group": "root", "size": 1, "mtime": None}
NEW: Facts = {File: None, Directory: lambda path: OPEN if path == "/etc" else None}


def commands(run: Run, operation: Any, facts: Facts, **arguments: Any) -> list[Any]:
    """What one of pyinfra's operations would run, by its own generator."""
    found: list[Any] = []
    run(lambda: found.extend(operation._inner(**arguments)), facts)
    return found


def texts(run: Run, operation: Any, facts: Facts, **arguments: Any) -> list[str]:
    found = commands(run, operation, facts, **arguments)
    return [one.get_raw_value() if isinstance(one, StringCommand) else str(getattr(one, "dest", one)) for one in found]


class TestManagedFilesPut:
    def test_a_file_is_open_until_its_mode_is_set(self, run: Run) -> None:
        ran = texts(
            run,
            files.put,
            NEW,
            src=X(),
            dest="/etc/x",
            user="root",
            mode="600",
        )
        assert ran[-3:] == ["/etc/x", "chown root /etc/x", "chmod 600 /etc/x"]

    def test_the_name_in_tmp_can_be_guessed(self, run: Run) -> None:
        ran = commands(
            run,
            files.put,
            NEW,
            src=X(),
            dest="/etc/x",
        )
        (upload,) = (one for one in ran if isinstance(one, FileUploadCommand))
        assert upload.remote_temp_filename == f"/tmp/pyinfra-{hashlib.sha1(b'/etc/x').hexdigest()}"

    def test_each_path_is_asked_about_twice(self, run: Run) -> None:
        asked: list[str] = []
        sums = [
            fact for name, fact in vars(facts_of_files).items() if name[:3] in ("Md5", "Sha") and name.endswith("File")
        ]
        facts: Facts = {fact: lambda path: asked.append(path) for fact in sums}
        commands(run, files.put, {**facts, File: lambda path: asked.append(path) or OPEN}, src=X(), dest="/etc/x")
        assert len(asked) >= 2


class TestManagedFilesBlock:
    @staticmethod
    def run_block(run: Run, path: Path, current: list[str]) -> None:
        arguments = {"marker": "# {mark} melda", "begin": "BEGIN", "end": "END"}
        (command,) = texts(run, files.block, {Block: current}, path=str(path), content="new", **arguments)
        subprocess.run(["sh", "-c", command], check=True)

    def test_a_marker_that_begins_like_another_is_taken_for_it(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("# BEGIN melda cran\ntheirs\n# END melda cran\n# BEGIN melda\nold\n# END melda\n")
        self.run_block(run, path, ["old"])
        assert "theirs" not in path.read_text()


def test_optional_a_folder_stays_when_its_file_goes(run: Run) -> None:
    assert texts(run, files.file, {File: OPEN}, path="/etc/xdg/uv/uv.toml", present=False) == [
        "rm -f /etc/xdg/uv/uv.toml"
    ]


def test_found_absent_what_comes_while_the_run_is_executed_is_not_in_a_loop(run: Run) -> None:
    key = "/etc/ssh/ssh_host_rsa_key"
    facts = {ImageHostKeys: lambda: [key] if state.is_executing else [], File: OPEN}

    def pyinfras() -> None:
        for path in host.get_fact(ImageHostKeys):
            files.file(name="Remove", path=path, present=False)

    assert run(pyinfras, facts) == {}
    assert run(lambda: managed_files.found_absent(name="Remove", fact=ImageHostKeys), facts) == {
        "Remove": [f"rm -rf -- {key}"]
    }


class TestApt:
    def test_update_takes_whatever_apt_get_says_for_a_success(self, run: Run) -> None:
        assert texts(run, apt.update, {File: None}, cache_time=60) == [
            "apt-get update",
            f"touch {apt.APT_UPDATE_FILENAME}",
        ]

    @pytest.mark.parametrize("kept_back", [0, 3])
    def test_upgrade_takes_what_is_kept_back_for_a_change(self, run: Run, kept_back: int) -> None:
        counts = {"upgraded": 0, "newly_installed": 0, "removed": 0, "not_upgraded": kept_back}
        assert len(texts(run, apt.upgrade, {SimulateOperationWillChange: counts})) == (1 if kept_back else 0)

    def test_upgradable_raises_where_apt_is_broken(self) -> None:
        with pytest.raises(Exception, match="Did not find proposed changes"):
            SimulateOperationWillChange().process(
                ["E: dpkg was interrupted, you must manually run 'dpkg --configure -a'"]
            )

    def test_packages_a_proxys_password_is_in_the_command_line(self) -> None:
        command = make_unix_command("apt-get install x", _env={"https_proxy": "http://jo:hush@proxy:1"})
        assert "hush" in str(command.get_raw_value())

    def test_repository_one_that_does_not_answer_is_added_all_the_same(self, run: Run) -> None:
        facts = {AptSources: [], FindInFile: [], File: OPEN, Directory: OPEN}
        ran = texts(run, apt.repo, facts, src="deb http://127.0.0.1:1/gone x main", filename="gone")
        assert ran and not [line for line in ran if "apt-get" in line or "apt-helper" in line]


class TestServer:
    def test_locale_fails_for_one_that_locale_gen_does_not_name(self, run: Run) -> None:
        with pytest.raises(OperationError, match="not found in /etc/locale.gen"):
            commands(run, server.locale, {Locales: [], FindInFile: []}, locale="C.UTF-8")

    def test_account_groups_have_no_numbers_and_users_are_those_of_one_file(self) -> None:
        assert Groups().process(["melda:x:1001:"]) == ["melda"]
        assert "getent" not in Users().command() and "/etc/passwd" in Users().command()

    def test_project_folder_a_link_is_followed(self, run: Run) -> None:
        there = {"mode": 755, "user": "root", "group": "root"}
        arguments = {"path": "/home/melda/project", "user": "melda", "group": "melda"}
        assert texts(run, files.directory, {Directory: there}, **arguments) == ["chown melda:melda /home/melda/project"]

    def test_setuid_a_mode_in_letters_is_a_change_each_time(self, run: Run) -> None:
        ran = texts(run, files.file, {File: OPEN | {"mode": 755}}, path="/usr/bin/su", mode="ug-s")
        assert ran == ["chmod ug-s /usr/bin/su"]

    def test_r_kernel_a_condition_counts_as_a_change_in_a_dry_run(self, dry_run: Any) -> None:
        assert dry_run(lambda: server.shell(name="Register", commands=["true"], _if=lambda: False)) == 1


class TestFiles:
    def test_set_setuid_no_folder_can_be_left_out(self) -> None:
        assert not {"prune", "exclude"} & set(inspect.signature(FindFiles().command).parameters)

    def test_contents_are_lines_without_their_ends(self) -> None:
        """3.2 has no such fact."""
        contents = getattr(facts_of_files, "FileContents", None)
        assert contents is None or "base64" not in str(contents().command(path="/etc/environment"))

    def test_certificates_after_a_kill_the_second_operation_does_not_run(self, run: Run) -> None:
        def task() -> None:
            put = files.file(name="Put", path="/usr/local/share/ca-certificates/x.crt", mode="644")
            server.shell(name="Update", commands=["update-ca-certificates"], _if=put.did_change)

        assert run(task, {File: OPEN}) == {}


class TestSystemd:
    WELL = {SystemdStatus: {"melda.target": True}, SystemdEnabled: {"melda.target": True}}

    def test_a_reload_is_a_change_each_time(self, run: Run) -> None:
        arguments = {"service": "melda.target", "enabled": True}
        assert texts(run, systemd.service, self.WELL, **arguments) == []
        assert texts(run, systemd.service, self.WELL, daemon_reload=True, **arguments) == ["systemctl daemon-reload"]

    def test_the_fact_fails_where_systemd_does_not_run(self) -> None:
        command = SystemdStatus().command(services=["melda.target"]).get_raw_value()
        assert "true" not in command and "/run/systemd/system" not in command


class TestVenv:
    def test_a_name_in_other_letters_is_installed_again_each_time(self, run: Run) -> None:
        there = {PipPackages: lambda pip: {"jinja2": {"3.1.6"}}, Directory: OPEN, File: OPEN}
        spelt = [
            texts(run, pip.packages, there, packages=[f"{name}==3.1.6"], virtualenv="/opt/x")
            for name in ("jinja2", "flit_core")
        ]
        assert spelt[0] == [] and len(spelt[1]) == 1
        dashed = {**there, PipPackages: lambda pip: {"flit-core": {"3.1.6"}}}
        assert len(texts(run, pip.packages, dashed, packages=["flit_core==3.1.6"], virtualenv="/opt/x")) == 1

    def test_a_lock_is_installed_again_each_time(self, run: Run) -> None:
        facts = {PipPackages: lambda pip: {"jinja2": {"3.1.6"}}, Directory: OPEN, File: OPEN}
        assert len(texts(run, pip.packages, facts, requirements="lock.txt", virtualenv="/opt/x")) == 1

    def test_the_fact_starts_pip(self) -> None:
        assert "pip" in str(PipPackages().command("/opt/x/bin/pip"))


# What we use of pyinfra's, as real systems say it.
@pytest.mark.parametrize(
    ("status", "counts"),
    [("ii ", True), ("hi ", True), ("iU ", False), ("iF ", False), ("iHR", False), ("rc ", False), ("un ", False)],
)
def test_only_completely_installed_packages_count(status: str, counts: bool) -> None:
    line = f"{status} bash           5.2.15-2+b7   amd64        GNU Bourne Again SHell"
    assert ("bash" in DebPackages().process([line])) is counts


def test_a_locale_is_called_as_in_the_setting() -> None:
    assert Locales().process(["C", "C.utf8", "en_US.utf8", "POSIX"]) == ["C", "C.UTF-8", "en_US.UTF-8", "POSIX"]
