"""Whose processes are the container's, and how all that are left are ended; nothing is ever killed here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from melda.base import processes
from melda.base.errors import ConfigError


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What would be killed. Nothing ever is: a mistake here would end every process of the host."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


def process(
    proc: Path, pid: int, parent: int = 1, group: str = "/docker/a", state: str = "S", threads: int = 1
) -> None:
    """As proc(5) shows one; on a host with cgroup v1, and v2 beside it."""
    folder = proc / str(pid)
    (folder / "ns").mkdir(parents=True)
    (folder / "ns" / "mnt").symlink_to("mnt:[1]")
    fields = [state, str(parent)] + ["0"] * 15 + [str(threads)] + ["0"] * 30
    (folder / "stat").write_text(f"{pid} (a) b ({' '.join(fields)}\n".replace("b (", "b) "))
    (folder / "cgroup").write_text(f"3:cpu,cpuacct:/x\n2:devices:{group}\n1:name=systemd:/x\n0::/y\n")


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """We are 5, started by a shell, 4; 1 is the container's init. 7 and 8 are the container's, 9 is another's."""
    folder = tmp_path / "proc"
    for pid, parent, group in ((1, 0, "/docker/a"), (4, 1, "/docker/a"), (5, 4, "/docker/a"), (7, 5, "/docker/a"),
                               (8, 1, "/docker/a"), (9, 1, "/docker/b")):  # fmt: skip
        process(folder, pid, parent, group)
    (folder / "self").symlink_to("5")
    (folder / "5" / "ns" / "cgroup").symlink_to("cgroup:[2]")
    monkeypatch.setattr(os, "getpid", lambda: 5)
    return folder


def test_the_containers_processes_are_those_of_its_cgroup(proc: Path) -> None:
    assert processes.container(str(proc)) == "/docker/a"
    assert sorted(processes.others([8], "/docker/a", str(proc))) == [7]
    assert sorted(processes.others([], "/docker/a", str(proc))) == [7, 8]
    assert processes.others([], "", str(proc)) == [], "on a host they are everybody's"


def test_two_that_are_each_others_parent_hang_nobody(proc: Path) -> None:
    """Of stats that were read one after the other, where a number was given again."""
    process(proc, 20, 21)
    process(proc, 21, 20)
    assert sorted(processes.others([8], "/docker/a", str(proc), process_trees=True)) == [7, 20, 21]


def test_pid_1_sees_nobody_elses(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert processes.container(str(proc)) == ""
    assert sorted(processes.others([9], "", str(proc))) == [4, 5, 7, 8]


def test_what_a_service_has_started_is_its_family(proc: Path) -> None:
    process(proc, 20, parent=7)
    process(proc, 21, parent=20)
    process(proc, 22, parent=0)  # of docker exec
    found = processes.others([7], "/docker/a", str(proc), process_trees=True)
    assert sorted(found) == [8, 22]
    assert sorted(processes.others([7], "/docker/a", str(proc))) == [8, 20, 21, 22]


def test_a_zombie_has_ended_unless_another_of_its_threads_goes_on(proc: Path) -> None:
    process(proc, 20, state="Z")
    process(proc, 21, state="Z", threads=2)
    assert sorted(processes.others([7, 8], "/docker/a", str(proc))) == [21]


def test_a_cgroup_of_version_2(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "cgroup").write_text("0::/../b:c\n")
    assert processes.cgroup("1", str(tmp_path)) == "/../b:c"
    assert processes.cgroup("2", str(tmp_path)) == ""


def test_a_start_is_refused_where_others_have_the_same_cgroup(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PAUSE", 0)
    (proc / "8" / "ns" / "mnt").unlink()  # a process with more rights than ours cannot be looked into
    with pytest.raises(ConfigError, match="^this container's processes cannot be told from others'"):
        processes.container(str(proc))
    (proc / "8" / "ns" / "mnt").symlink_to("mnt:[2]")
    with pytest.raises(ConfigError):
        processes.container(str(proc))


def test_docker_exec_moves_a_process_into_our_cgroup_before_it_has_our_mounts(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (proc / "8" / "ns" / "mnt").unlink()
    monkeypatch.setattr(time, "sleep", lambda pause: pause and (proc / "8" / "ns" / "mnt").symlink_to("mnt:[1]"))
    assert processes.container(str(proc)) == "/docker/a"


@pytest.mark.parametrize("namespace", ["cgroup:[4026531835]", "cgroup:[2]"])
def test_all_processes_of_a_machine_are_in_its_cgroup(
    proc: Path, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    for pid in (1, 4, 5, 7, 8):
        (proc / str(pid) / "cgroup").write_text("0::/\n")
    (proc / "5" / "ns" / "cgroup").unlink()
    (proc / "5" / "ns" / "cgroup").symlink_to(namespace)
    if namespace == "cgroup:[2]":
        assert processes.container(str(proc)) == "/", "so a container sees its own"
    else:
        with pytest.raises(ConfigError):
            processes.container(str(proc))


def test_on_a_machine_nobody_elses_processes_are_ended(killed: list[tuple[int, int]]) -> None:
    processes.end(lambda: processes.others([], ""), 0.0, lambda: None, 0.0)
    assert killed == []


def test_what_forks_stands_still_before_it_is_killed(killed: list[tuple[int, int]]) -> None:
    def left() -> list[int]:
        gone = {pid for pid, number in killed if number == signal.SIGKILL}
        forked = {30} if (7, signal.SIGTERM) in killed else set()
        return sorted(({7} | forked) - gone)

    processes.end(left, 0.0, lambda: None, 1.0)
    assert killed[0] == (7, signal.SIGTERM)
    numbers = [number for _, number in killed[1:]]
    assert sorted(killed[1:3]) == [(7, signal.SIGSTOP), (30, signal.SIGSTOP)]
    assert numbers == [signal.SIGSTOP] * 2 + [signal.SIGKILL] * 2


def test_pid_1_has_all_stand_still_at_once(killed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forks and ends, again and again, was never there any more when its turn came: a stop saved nothing."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    looks = iter([[7], [7], [8], []])
    processes.end(lambda: next(looks), 0.0, lambda: None, 1.0)
    stop, go_on = (-1, signal.SIGSTOP), (-1, signal.SIGCONT)
    assert killed == [(7, signal.SIGTERM), stop, (8, signal.SIGKILL), go_on]
    looks = iter([[7], [7]])
    with pytest.raises(StopIteration):
        processes.end(lambda: next(looks), 0.0, lambda: None, 1.0)
    assert killed[-2:] == [stop, go_on], "nobody is left standing"


def test_a_process_that_we_may_not_kill_does_not_stop_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    processes.end(lambda: [7], 0.0, lambda: None, 0.0)


def test_children_that_never_come_to_an_end_do_not_keep_who_reaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """clone(2) with CLONE_PARENT makes children of PID 1's, 50,000 a second: it neither stopped nor did anything else."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        monkeypatch.setattr(os, "waitpid", lambda *_: (5, 0))
        assert set(processes.ended()) == {(5, 0)}
        assert signal.sigtimedwait({signal.SIGCHLD}, 0), "and has the next turn at once"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
