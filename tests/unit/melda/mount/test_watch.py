"""Watching the mount: what is said when, and when it is given up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from melda.base import users
from melda.mount import watch

ME = users.Account("me", os.getuid(), os.getgid(), (os.getgid(),), "/", "/bin/sh")


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Question:
    """Stands in for the child process: ``said`` is its answer."""

    said: str | None = None

    def __init__(self) -> None:
        self.closed = 0

    def answer(self) -> str | None:
        return self.output

    def close(self) -> None:
        self.closed += 1


class Watched:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.clock, self.question, self.given_up = Clock(), Question(), list[str]()
        monkeypatch.setattr(watch, "time", self.clock)
        monkeypatch.setattr(users, "Child", lambda *_: self.question)
        self.state = folder / "run" / "mount"
        self.watch = watch.Watch(ME, lambda _: print, 180, self.given_up.append, str(self.state))

    def after(self, seconds: float, said: str | None) -> float | None:
        self.clock.now += seconds
        self.question.output = said
        return self.watch.poll_once()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watched]:
    yield Watched(monkeypatch, tmp_path)


def test_a_mount_that_answers_is_asked_again_and_nothing_is_said(
    watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watched.state.read_text() == "ok", "from the beginning"
    assert watched.after(0, None) == watch.LOOK
    assert watched.after(19.9, None) == watch.LOOK
    assert watched.after(0, "") == watch.PAUSE
    assert watched.question.closed == 1
    assert (watched.state.read_text(), capsys.readouterr().err) == ("ok", "")


def test_silence_is_said_once_and_its_end_too(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    watched.after(0, None)
    watched.after(20, None)
    watched.after(20, None)
    assert watched.state.read_text() == "does not answer"
    assert capsys.readouterr().err == (
        "start-jupyter: the mount does not answer; the project cannot be read or written\n"
    )
    assert watched.after(100, "") == watch.PAUSE
    assert watched.state.read_text() == "ok"
    assert capsys.readouterr().err == "start-jupyter: the mount answers again\n"
    assert watched.given_up == []


def test_silence_for_too_long_ends_it(watched: Watched) -> None:
    watched.after(0, None)
    assert watched.after(179, None) == watch.LOOK
    assert watched.after(1, None) is None
    assert watched.given_up == ["the mount has not answered for 180 s"]


def test_whoever_is_not_done_with_it_goes_on(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    subject, killed = watch.Subject("the data", "nobody reads", ""), list[str]()

    def give_up(reason: str) -> float:
        killed.append(reason)
        return 0.5

    watched.watch = watch.Watch(ME, lambda _: print, 180, give_up, str(watched.state), subject)
    watched.after(0, None)
    assert watched.after(180, None) == 0.5
    assert watched.after(100, None) == watch.LOOK, "its patience begins again"
    assert watched.after(1, "") == watch.PAUSE
    assert killed == ["the data has not answered for 180 s"]
    assert capsys.readouterr().err == (
        "start-jupyter: the data does not answer; nobody reads\nstart-jupyter: the data answers again\n"
    )


def test_an_error_is_an_answer(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        watched.after(100, None)
        assert watched.after(10, "[Errno 5] Input/output error") == watch.PAUSE
    assert watched.state.read_text() == "fails: [Errno 5] Input/output error"
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert watched.given_up == []


def test_a_state_that_cannot_be_written_does_not_end_the_watch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").write_text("a file")
    path = str(tmp_path / "run" / "mount")
    watch.Watch(ME, lambda _: print, 180, print, path)
    assert f"{path} cannot be written" in capsys.readouterr().err
    assert watch.read(path) == "is not watched"


def test_a_question_that_cannot_be_put_is_not_the_mounts_silence(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    child = users.Child
    monkeypatch.setattr(users, "Child", refuse)
    for _ in range(3):
        assert watched.after(100, None) == watch.LOOK
    assert (watched.state.read_text(), watched.given_up) == ("ok", [])
    assert capsys.readouterr().err == (
        "start-jupyter: the mount cannot be asked, it is tried again: [Errno 11] Resource temporarily unavailable\n"
    )
    monkeypatch.setattr(users, "Child", child)
    assert watched.after(0, None) == watch.LOOK and watched.after(1, "") == watch.PAUSE
    assert capsys.readouterr().err == ""


def test_a_state_that_could_not_be_written_is_written_later(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    update = watch.textfiles.write_if_changed

    def full(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watch.textfiles, "write_if_changed", full)
    for _ in range(2):
        assert watched.after(15, None) == watch.LOOK and watched.after(1, "down") == watch.PAUSE
    assert watched.state.read_text() == "ok"
    assert capsys.readouterr().err.count("cannot be written: No space left on device") == 1
    monkeypatch.setattr(watch.textfiles, "write_if_changed", update)
    assert watched.after(15, None) == watch.LOOK and watched.after(1, "down") == watch.PAUSE
    assert watched.state.read_text() == "fails: down"


class Both(Watched):
    """A mount that waits, and S3 itself: ``silent`` says whether it answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        super().__init__(monkeypatch, folder)
        self.silent: bool | None = False
        monkeypatch.setattr(users, "Child", self.child)
        self.watch = watch.Watch(
            ME, lambda _: self.mount, 180, self.given_up.append, str(self.state), reached=self.reached
        )

    def mount(self) -> None:
        """Marks the question to the mount."""

    def reached(self) -> None:
        """Marks the question to S3."""

    def child(self, _: object, action: object) -> Question:
        if action == self.mount:
            return self.question
        asked = Question()
        asked.output = None if self.silent is None else "no route to host" if self.silent else ""
        return asked

    def waits(self, seconds: float) -> str:
        """So long the mount gives no answer; what others are told then."""
        until = self.clock.now + seconds
        while self.clock.now < until and self.after(watch.LOOK, None) is not None:
            pass
        return self.state.read_text()


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Both:
    return Both(monkeypatch, tmp_path)


def test_a_mount_that_waits_for_s3_is_never_given_up(both: Both, capsys: pytest.CaptureFixture[str]) -> None:
    both.silent = True
    assert both.waits(3600) == "fails: S3 does not answer"
    assert both.after(0, "[Errno 5] Input/output error") == watch.PAUSE, "which s3fs says once it is tired"
    assert both.waits(60) == "fails: S3 does not answer"
    assert both.after(0, "") == watch.PAUSE
    assert both.given_up == []
    assert capsys.readouterr().err == (
        "start-jupyter: the mount fails: S3 does not answer; the project cannot be read or written\n"
        "start-jupyter: the mount answers again\n"
    )


def test_s3fs_that_stands_still_while_s3_answers_is_given_up_in_time(both: Both) -> None:
    assert both.waits(25) == "does not answer"
    assert both.waits(154) == "does not answer" and both.given_up == []
    both.waits(3)
    assert both.given_up == ["the mount has not answered for 180 s"]


def test_once_s3_answers_again_s3fs_has_its_time(both: Both) -> None:
    both.silent = True
    both.waits(300)
    both.silent = False
    assert both.waits(40) == "does not answer"
    both.waits(120)
    assert both.given_up == []
    both.waits(40)
    assert both.given_up == ["the mount has not answered for 180 s"]


def test_an_s3_that_cannot_be_asked_in_time_does_not_answer(both: Both) -> None:
    both.silent = None
    assert both.waits(watch.S3_ASKED + watch.S3_SECONDS - 2) == "ok", "it is not known yet whose silence it is"
    assert both.waits(400) == "fails: S3 does not answer"
    assert both.given_up == []


def test_an_answer_in_time_costs_no_question_to_s3(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(both, "reached", lambda: asked.append("S3"))
    both.waits(watch.S3_ASKED - 1)
    assert both.after(0, "") == watch.PAUSE
    assert both.watch._beyond and both.watch._beyond._child is None and not asked


def test_for_want_of_a_process_s3_is_asked_later(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    both.waits(2)
    monkeypatch.setattr(users, "Child", refuse)
    both.waits(300)
    monkeypatch.setattr(users, "Child", both.child)
    both.silent = True
    assert both.waits(30) == "fails: S3 does not answer" and both.given_up == []
