"""A plugin folder: whatever happens when, what was saved comes back."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from melda.sync.in_bucket import generations

from tests.unit.melda.sync.folders import NAME, Container, found, install, remove
from tests.unit.melda.sync.test_synced_dir_damage import spoil

ENDINGS = (".tar.zst", ".json")


class Crash(BaseException):
    """The container is killed."""


class Machine(RuleBasedStateMachine):
    """Two containers on one project that install, remove, save, are killed at any moment, and start again or again.

    The bucket loses or spoils archives and manifests; what is on a container's disk outlives that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="melda-test-"))
        self.numbers = itertools.count()
        self.containers = [self.make(), self.make()]
        # What the bucket must give: package -> versions that may win
        self.durable: dict[str, set[str]] = {}
        self.ever: dict[str, set[str]] = {}
        self.damaged = False
        self.fresh: set[str] = set()  # packages that were installed since the bucket was damaged last

    def make(self) -> Container:
        return Container(self.folder / "bucket", self.folder / f"local{next(self.numbers)}")

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(which=st.integers(0, 1), name=st.sampled_from("abc"))
    def install(self, which: int, name: str) -> None:
        # Each container has packages of its own, or else which of two versions wins would be all we can say.
        version = str(next(self.numbers))
        install(self.containers[which].root, name + str(which), version)
        self.ever.setdefault(name + str(which), {""}).add(version)
        self.fresh.add(name + str(which))

    @rule(which=st.integers(0, 1), name=st.sampled_from("abc"))
    def remove(self, which: int, name: str) -> None:
        """It may come back: another container may have it."""
        remove(self.containers[which].root, name + str(which))
        self.durable.get(name + str(which), set()).add("")

    @precondition(lambda self: self.durable)
    @rule(
        how=st.sampled_from(["gone", "one bit", "truncated"]),
        number=st.integers(0, 99),
        ending=st.sampled_from(ENDINGS),
    )
    def damage(self, how: str, number: int, ending: str) -> None:
        """A new container has what can be read; who has it all on disk loses nothing, also when it starts again."""
        files = sorted((self.folder / "bucket" / NAME).glob("*" + ending))
        if files:
            spoil(files[number % len(files)], how)
            self.damaged, self.fresh = True, set()
            self.durable.update({name: {*versions, *self.ever[name]} for name, versions in self.durable.items()})

    @rule(which=st.integers(0, 1), clock=st.floats(0, 4e9))
    def save(self, which: int, clock: float) -> None:
        """Each with a clock that says what it will."""
        container = self.containers[which]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("melda.sync.synced_dir.time.time", lambda: clock)
            container.wait()
        assert container.folder.problem == ""
        self.acknowledge(which)

    def acknowledge(self, which: int) -> None:
        elsewhere = found(self.containers[1 - which].root)  # where an older state may be that counts as newer
        for name, version in found(self.containers[which].root).items():
            if name[-1] == str(which) and (not self.damaged or (name in self.fresh and name not in elsewhere)):
                self.durable[name] = {version}

    @rule(which=st.integers(0, 1), after=st.integers(0, 12), data=st.data())
    def killed_while_saving(self, which: int, after: int, data: st.DataObject) -> None:
        """After so many things done to the bucket nothing more is done."""
        container = self.containers[which]
        before = {name: set(versions) for name, versions in self.durable.items()}
        left = iter(range(after))
        real = {name: getattr(os, name) for name in ("fsync", "unlink")}

        def counted(name: str) -> Callable[..., object]:
            def action(*arguments: object, **more: object) -> object:
                if next(left, None) is None:
                    raise Crash
                return real[name](*arguments, **more)

            return action

        with pytest.MonkeyPatch.context() as patched:
            for name in real:
                patched.setattr(os, name, counted(name))
            try:
                container.wait()
            except Crash:
                pass
            else:
                self.acknowledge(which)
        for name, version in found(container.root).items():
            if name[-1] == str(which):
                self.durable.setdefault(name, set()).add(version)
                if name not in before:
                    self.durable[name].add("")
        self.again(which, data.draw(st.booleans()))

    @rule(which=st.integers(0, 1), again=st.booleans())
    def again(self, which: int, again: bool) -> None:
        if again:
            self.containers[which] = self.make()
        else:
            before = found(self.containers[which].root)
            self.containers[which].start()
            after = found(self.containers[which].root)
            assert {
                name: version for name, version in before.items() if name[-1] == str(which)
            }.items() <= after.items()

    @precondition(lambda self: self.durable)
    @invariant()
    def a_new_container_has_it_all(self) -> None:
        new = self.make()
        there = found(new.root)
        for name, versions in self.durable.items():
            assert there.get(name, "") in versions, (name, there, versions)
        assert self.damaged or not any("damaged" in line for line in new.output), new.output
        shutil.rmtree(new.local)

    @invariant()
    def little_is_left_over(self) -> None:
        manifests = list((self.folder / "bucket").glob("*/*.json"))
        assert len(manifests) <= 30, manifests


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=12)


@pytest.mark.parametrize(
    ("saved", "sizes", "now", "kept"),
    [
        ({}, {}, ["a"], []),
        ({"a": "p"}, {"p": (10, 1)}, ["a", "b"], ["a"]),
        ({"a": "p"}, {}, ["a"], []),
        ({"a": "p"}, {"p": (10, 3)}, ["a", "b"], []),  # a third of it is of use
        ({"a": "p", "c": "p"}, {"p": (10, 3)}, ["a", "b", "c"], ["a", "c"]),
        ({str(n): str(n) for n in range(12)}, {str(n): (1, 1) for n in range(12)}, [str(n) for n in range(13)], []),
    ],
)
def test_plan(saved: dict[str, str], sizes: dict[str, tuple[int, int]], now: list[str], kept: list[str]) -> None:
    parts = {name: generations.Archive("0" * 64, *pair) for name, pair in sizes.items()}
    held = {name: generations.EntryRef(part, 1) for name, part in saved.items()}
    assert sorted(generations.plan(held, parts, now, True)[0]) == sorted(kept)
    assert set(generations.plan(held, parts, now, False)[0]) == {name for name in saved if saved[name] in parts}
