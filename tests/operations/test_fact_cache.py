"""tasks/lib/fact_cache.py: a fact is asked once, and again when an operation changed its host."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra import host, state
from pyinfra.api import FactBase, StringCommand, deploy, operation
from pyinfra.connectors.util import CommandOutput
from pyinfra.operations import server

from tasks.lib import fact_cache

from .conftest import Commands, Fake, Run


class Asked(FactBase[int]):
    """How often it was asked."""

    def command(self, about: str) -> str:
        raise NotImplementedError("a table answers")


@operation()
def look(seen: list[int], about: str = "a", change: bool = False) -> Generator[str, None, None]:
    """Note the fact while the run is executed, and change the host if told."""
    answer = host.get_fact(Asked, about=about)
    if state.is_executing:
        seen.append(answer)
    if change:
        yield "true"


def counter() -> Callable[..., int]:
    answers = count()
    return lambda about: next(answers)


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ("aaa", [0, 0, 0]),
        ("aba", [0, 1, 0]),
        ("aAa", [0, 0, 1]),
        ("Aaa", [0, 1, 1]),
        ("ABab", [0, 1, 2, 3]),
    ],
)
def test_asked_once_until_something_changes(run: Run, steps: str, asked: list[int]) -> None:
    """A letter is what is asked about; a capital one changes the host after it.

    Of the first operation that asks nobody noted whether it changed something, so one goes ahead.
    """
    seen: list[int] = []

    @deploy("Steps")
    def task() -> None:
        look(name="Ahead", seen=[])
        for number, step in enumerate(steps):
            look(name=f"Step {number}", seen=seen, about=step.lower(), change=step.isupper())

    run(task, {Asked: counter()})
    assert [number - seen[0] for number in seen] == asked


def test_what_changed_on_one_host_is_nothing_new_on_another(run_two: Callable[..., list[Commands]]) -> None:
    seen: dict[str, list[int]] = {"@fake/0": [], "@fake/1": []}

    @deploy("Steps")
    def task() -> None:
        mine = seen[host.name]
        look(name="Ahead", seen=[])
        look(name="First", seen=mine, change=host.name == "@fake/0")
        look(name="Second", seen=mine)

    run_two(task, {Asked: counter()}, {Asked: counter()})
    assert [last - first for first, last in seen.values()] == [1, 0]


class There(FactBase[str]):
    """What is asked about."""

    def command(self, path: str) -> str:
        return path


@operation()
def look_at(path: str, change: bool = False) -> Generator[str, None, None]:
    """Ask about a path while the run is executed, and change the host if told."""
    host.get_fact(There, path=path)
    if change:
        yield "true"


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ("abc", ["abc"]),
        ("abA", ["ab"]),
        # After a change a few are, in the order in which they were said, and then more.
        ("aBca", ["abc", "ac"]),
        ("AbcdefghijkLab", ["abcdefghijkl", "bcd", "efghij", "akl", "ab"]),
        # What is wanted again much later is no reason to ask for all between.
        ("abcDa", ["abcd", "a"]),
        ("abx", ["ab", "x"]),
        # What nobody said before changes the host before the first question.
        ("Xab", ["x", "ab"]),
    ],
)
def test_what_is_prefetched_is_one_question_until_something_changes(run: Run, steps: str, asked: list[str]) -> None:
    """A letter is a path; a capital one changes the host after it; x is not prefetched."""
    questions: list[str] = []

    def note(*paths: str) -> list[str]:
        if state.is_executing:
            questions.append("".join(sorted(paths)))
        return list(paths)

    @deploy("Steps")
    def task() -> None:
        for number, step in enumerate(steps):
            if step not in "xX":
                fact_cache.prefetch(There, path=step.lower())
            look_at(name=f"Step {number}", path=step.lower(), change=step.isupper())

    several = {fact_cache.Several: lambda questions: note(*(wanted["path"] for _, wanted in questions))}
    run(task, {There: lambda path: note(path)[0]} | several)
    assert questions == asked


class Says(FactBase[list[str]]):
    """What a shell says."""

    default = list

    def command(self, text: str) -> str:
        return text

    def process(self, output: list[str]) -> list[str]:
        return output


class Needs(Says):
    """One that needs a program."""

    def requires_command(self, text: str) -> str:
        return "no-such-program"


def several(*questions: fact_cache.Question) -> list[object]:
    """The answers of a real shell."""
    fact = fact_cache.Several()
    command = fact.command(questions)
    shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, timeout=30).stdout
    return fact.process(shown.splitlines())


def test_each_answer_is_its_own_whatever_it_says() -> None:
    texts = {
        "printf 'a\\n\\nb'": ["a", "", "b"],
        "echo '0 YQ=='; echo \"it's\"": ["0 YQ==", "it's"],
        "exec true": [],
        "exit 0": [],
    }
    assert several(*((Says, {"text": text}) for text in texts)) == list(texts.values())


class Long(Says):
    """One that is collected beside the others."""

    takes_long = True


def test_answers_come_in_the_order_of_the_questions() -> None:
    asked = [(Says, "a"), (Long, "b"), (Long, "false"), (Says, "c"), (Long, "d"), (Says, "false")]
    questions = [(kind, {"text": text if text == "false" else f"echo {text}"}) for kind, text in asked]
    a_to_d = [["a"], ["b"], fact_cache.UNKNOWN, ["c"], ["d"], fact_cache.UNKNOWN]
    assert several(*questions) == a_to_d
    assert several(*questions[1:3]) == a_to_d[1:3]


def test_what_takes_long_is_collected_while_all_others_are(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for pipe in (first, second):
        os.mkfifo(pipe)
    # Each waits for another.
    texts = [(Long, f"echo a > {first}"), (Says, f"cat {first}; cat {second}"), (Long, f"echo b > {second}")]
    assert several(*((kind, {"text": text}) for kind, text in texts)) == [[], ["a", "b"], []]


def test_one_that_fails_is_asked_alone_and_says_so_itself() -> None:
    assert several((Says, {"text": "echo a; false"}), (Says, {"text": "echo b # c"})) == [fact_cache.UNKNOWN, ["b"]]


def test_a_fact_of_a_program_that_is_not_there_has_its_default() -> None:
    assert several((Needs, {"text": "echo a"})) == [[]]


def test_a_question_is_no_longer_than_a_command_line_may_be(run: Run) -> None:
    sizes: list[int] = []

    @deploy("Steps")
    def task() -> None:
        for number in range(100):
            fact_cache.prefetch(Says, text=f"echo {number} {chr(39) * 20}{'x' * 2000}")
        look(name="First", seen=[])
        ask(name="All")

    @operation()
    def ask() -> Generator[str, None, None]:
        for number in range(100):
            host.get_fact(Says, text=f"echo {number} {chr(39) * 20}{'x' * 2000}")
        return
        yield

    def answer(questions: list[fact_cache.Question]) -> list[list[str]]:
        sizes.append(len(shlex.quote(shlex.quote(fact_cache.Several().command(questions)))))
        return [[] for _ in questions]

    run(task, {Asked: counter(), fact_cache.Several: answer})
    assert len(sizes) == 3 and max(sizes) < 128 << 10


@pytest.mark.parametrize(("waited", "asked"), [(1.0, ["a", "b"]), (60.0, ["a", "b", "ab"])])
def test_what_was_found_for_a_preview_is_asked_again_if_somebody_looked_at_it_for_long(
    monkeypatch: pytest.MonkeyPatch, waited: float, asked: list[str]
) -> None:
    """With -y a run begins at once, and half of its questions are spared."""
    now, phase, questions = [100.0], SimpleNamespace(is_executing=False), list[str]()

    def ask(fact: type[FactBase[object]], **arguments: Any) -> object:
        names = (
            [wanted["text"] for _, wanted in arguments["questions"]]
            if "questions" in arguments
            else [arguments["text"]]
        )
        questions.append("".join(sorted(names)))
        return list(names)

    monkeypatch.setattr(fact_cache, "state", phase)
    monkeypatch.setattr(fact_cache.time, "monotonic", lambda: now[0])
    there = SimpleNamespace(get_fact=ask, run_shell_command=lambda command: None, put_file=lambda: None)
    cache = fact_cache.FactCache(there)  # type: ignore[arg-type]
    for text in "ab":
        cache.get_fact(Says, text=text)
        cache.wanted[fact_cache._key(Says, text=text)] = (Says, {"text": text})
    now[0] += waited
    phase.is_executing = True
    assert [cache.get_fact(Says, text=text) for text in "ab"] in ([["a"], ["b"]], ["a", "b"])
    assert questions == asked
    there.run_shell_command("true")
    cache.get_fact(Says, text="a")
    assert questions[-1] == "a" and len(questions) == len(asked) + 1, "something changed"


def test_what_is_read_is_english_whatever_the_target_speaks() -> None:
    """``stat`` of a German target calls a folder a Verzeichnis, and lastlog a day Mi; what changes something keeps its locale."""
    told: list[Any] = []
    there = SimpleNamespace(
        get_fact=lambda fact: there.run_shell_command("stat", _env={"A": "b"}) or there.run_shell_command("ls"),
        run_shell_command=lambda text, **arguments: told.append((str(text).split()[-1], arguments.get("_env"))),
        put_file=lambda: None,
    )
    cache = fact_cache.FactCache(there)  # type: ignore[arg-type]
    cache.get_fact(FactBase)
    there.run_shell_command("localedef")
    assert told == [("stat", {"A": "b", "LC_ALL": "C"}), ("ls", {"LC_ALL": "C"}), ("localedef", None)]


def test_what_a_command_makes_is_for_everybody_to_read(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root of a hardened host has umask 077, which uv and a redirection obey; an image has ENV for its own programs."""
    ran: list[str] = []

    def note(self: Fake, command: StringCommand, **_: Any) -> tuple[bool, CommandOutput]:
        ran.append(str(command))
        return True, CommandOutput([])

    monkeypatch.setattr(Fake, "run_shell_command", note)

    @deploy("Steps")
    def task() -> None:
        server.shell(
            name="Write", commands=[f"false || echo a > {tmp_path}/file; mkdir {tmp_path}/folder; rm $(mktemp)"]
        )

    run(task)
    for command in ran:
        subprocess.run(["sh", "-c", f"umask 077; {command}"], check=True, env=os.environ | {"TMPDIR": "/nowhere"})
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("file", "folder")] == [0o644, 0o755]
