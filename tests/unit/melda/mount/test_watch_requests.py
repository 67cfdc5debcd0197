"""Which question the watch puts: nothing to S3 while nobody uses the project, but for one request a minute."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from melda.base.errors import ConfigError, TemporaryFailure
from melda.mount import watch_requests
from melda.mount.watch_requests import Counters, Questions


class World:
    """A mount, S3 behind it, and a clock."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.seen, self.asked = 0.0, Counters(100, 50), 0
        monkeypatch.setattr(watch_requests.time, "monotonic", lambda: self.now)
        self.questions = Questions(str(folder), self.readable, lambda: self.seen)

    def readable(self) -> None:
        self.asked += 1

    def poll(self, reads: int = 3, pending: int = 0, well: bool = True) -> str:
        """15 seconds later, after so many requests; the name of the question that is put."""
        self.now += 15.0
        self.seen = Counters(self.seen.reads + reads, self.seen.writes + reads - pending)
        question = self.questions.choose(well)
        question()
        return question.__name__


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_an_idle_hour_is_sixty_requests(world: World) -> None:
    put = [world.poll() for _ in range(240)]
    assert set(put) == {"alive", "with_s3"} and put[:4] == ["alive", "alive", "alive", "with_s3"]
    assert world.asked == 60


def test_who_uses_the_project_or_waits_for_it_has_it_asked_at_once(world: World) -> None:
    assert world.poll(reads=999) == "alive", "that was the start"
    assert world.poll(reads=watch_requests.USED + 1) == "whole"
    assert world.poll() == "alive"
    assert world.poll(pending=1) == "whole", "somebody waits"
    assert world.poll(well=False) == "whole", "until it is well again"
    assert world.poll() == "alive"
    assert world.asked == 3


def test_somebody_may_wait_from_the_start(world: World) -> None:
    assert world.poll(pending=1) == "whole"


def test_where_nothing_can_be_seen_it_is_asked_each_time(world: World) -> None:
    seen, world.questions._seen = world.questions._seen, lambda: None
    assert world.questions.choose(True) == world.questions.whole
    world.questions._seen = seen
    assert world.questions.choose(True) == world.questions.whole, "nothing to compare with"
    assert world.questions.choose(True) == world.questions.alive


def test_the_whole_question(tmp_path: Path) -> None:
    asked: list[str] = []
    Questions(str(tmp_path), lambda: asked.append("S3"), lambda: None).whole()
    assert asked == ["S3"]
    (tmp_path / "file").touch()
    wrong = Questions(str(tmp_path / "file"), lambda: asked.append("S3"), lambda: None)
    with pytest.raises(OSError, match="Not a directory"):
        wrong.whole()
    assert asked == ["S3"], "the mount comes first: it says more"
    with pytest.raises(FileNotFoundError):
        Questions(str(tmp_path / "none"), print, lambda: None).alive()


def test_where_only_s3_knows_that_it_is_refused(tmp_path: Path) -> None:
    def refuse() -> None:
        raise ConfigError("invalid AWS_ACCESS_KEY_ID: S3 does not know it")

    for question in (
        Questions(str(tmp_path), refuse, lambda: None).whole,
        Questions(str(tmp_path), refuse, lambda: None).with_s3,
    ):
        with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID"):
            question()


def test_an_s3_that_dies_while_nobody_uses_the_project(tmp_path: Path) -> None:
    def silent() -> None:
        raise TemporaryFailure("S3 is down: it does not answer (timed out)")

    asking = Questions(str(tmp_path), silent, lambda: None)
    with pytest.raises(OSError, match="^S3 does not answer$"):
        asking.with_s3()
    with pytest.raises(TemporaryFailure):
        asking.reached()
    asking.whole()  # s3fs has just had an answer of S3's


def test_a_refusal_is_an_answer_of_s3s(tmp_path: Path) -> None:
    def refuse() -> None:
        raise ConfigError("invalid AWS_ACCESS_KEY_ID: S3 does not know it")

    Questions(str(tmp_path), refuse, lambda: None).reached()


def test_counters(tmp_path: Path) -> None:
    found = watch_requests.counters(os.getpid())
    assert found and found.reads > 0
    assert watch_requests.counters(0) is None
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "io").write_text("rchar: 1\n")
    assert watch_requests.counters(7, str(tmp_path)) is None
