"""Ask a target for each fact once until a command changes something there, and for many facts in one question.

pyinfra asks whenever an operation wants a fact, and a question to a container costs about 0.1 s. pyinfra's own operations gain
as ours do, because the host itself remembers. Here all commands pass, so here they get the
umask, the locale and the variables they need.
"""

from __future__ import annotations

import base64
import shlex
import time
from contextlib import contextmanager
from inspect import getcallargs
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple, Type

from pyinfra import host, state
from pyinfra.api import FactBase, Host, StringCommand

from tasks.facts.files import PathStats

Question = Tuple[Type[FactBase[Any]], Dict[str, Any]]
UNKNOWN = object()
# Seconds for which what was found while a run was prepared is right when it begins: nobody was asked to confirm it.
_FRESH = 10.0
# So many questions are one after a change; each one that follows without a change asks twice as many. What an operation changes
# makes the rest of them void, and many operations change something on a new host.
_AHEAD = 3
# Linux takes no argument above 128 KiB; @docker quotes this text twice.
_LONGEST = 90_000


def _shell_text(fact: FactBase[Any], arguments: Dict[str, Any]) -> str:
    command = fact.command(**arguments)
    text = command.get_raw_value() if isinstance(command, StringCommand) else command
    needed = fact.requires_command(**arguments)
    return f"! command -v {needed} >/dev/null 2>&1 || ( {text}\n)" if needed else text


class Several(FactBase[List[Any]]):
    """The values of several facts, :data:`UNKNOWN` for one whose command failed. pyinfra asks for one at a time.

    Those with an attribute ``takes_long`` are collected while all others are.
    """

    def command(self, questions: Sequence[Question]) -> str:
        self.facts = [fact() for fact, _ in questions]
        long: List[str] = []
        short: List[str] = []
        self.order: List[int] = []  # of the answers
        for number, (fact, (_, arguments)) in enumerate(zip(self.facts, questions)):
            # Encoded, so that no file name can be taken for the next answer.
            text = f'o=$( ( {_shell_text(fact, arguments)}\n) ); echo "$? $(printf %s "$o" | base64 -w 0)"'
            takes_long = getattr(fact, "takes_long", False)
            self.order.insert(len(long) if takes_long else len(self.order), number)
            (long if takes_long else short).append(text)
        text = "; ".join(short) or ":"
        for alone in reversed(long):
            # A pipe's two sides run at once.
            text = f'{{ {alone}; }} | {{ rest=$( {text} ); cat; printf "%s\\n" "$rest"; }}'
        return text

    default = list

    def process(self, output: List[str]) -> List[Any]:
        values: Dict[int, Any] = {}
        for number, line in zip(self.order, output):
            status, _, text = line.partition(" ")
            lines, fact = base64.b64decode(text).decode("utf-8", "replace").splitlines(), self.facts[number]
            values[number] = UNKNOWN if status != "0" else fact.process(lines) if lines else fact.default()
        return [values.get(number, UNKNOWN) for number in range(len(self.facts))]


# ENV of an image may have them, for its own programs. Those of pip and uv are how a site says where its index is.
_MISLEADING = (
    "CDPATH DPKG_ADMINDIR DPKG_ROOT GREP_OPTIONS PERL5LIB PERL5OPT PIP_CONSTRAINT PIP_PREFIX PIP_TARGET POSIXLY_CORRECT"
    " PYTHONHOME PYTHONPATH R_HOME TAR_OPTIONS TEMP TMP TMPDIR UV_CONSTRAINT UV_OVERRIDE"
)


def _prepared(run: Callable[..., Any]) -> Callable[..., Any]:
    """Let programs do what they are asked for, and everybody read what they make: root of a hardened host has umask 027 or 077,
    and uv and apt obey it."""
    return lambda command, *args, **kwargs: run(
        StringCommand(f"umask 022 && unset {_MISLEADING} &&", command), *args, **kwargs
    )


class FactCache:
    """What is known of one host; it stands in for the host's own ``get_fact``."""

    def __init__(self, this: Host) -> None:
        self.known: Dict[str, Any] = {}
        self.wanted: Dict[str, Question] = {}
        self.pending: Dict[str, Question] = {}
        self.order: List[str] = []  # of what was said to be wanted
        self.reached = 0  # the place in it
        self.changed = self.asking = self.executing = False
        self.ahead = _AHEAD
        self.below = ""  # the folder in which alone commands write for now; else anything may change
        self.since = time.monotonic()  # when the oldest of what is known was asked for
        self._ask = this.get_fact
        vars(this).update(
            get_fact=self.get_fact,
            run_shell_command=self._forgetting(_prepared(this.run_shell_command)),
            put_file=self._forgetting(this.put_file),
        )

    def _forgetting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if self.asking:
                # What a program says is read, and some say it in the language of the target: stat, lastlog.
                kwargs["_env"] = {**(kwargs.get("_env") or {}), "LC_ALL": "C"}
            elif self.below:
                self.known = {key: value for key, value in self.known.items() if self.below not in key}
            else:
                self.known.clear()
                self.changed, self.ahead = True, _AHEAD
            return method(*args, **kwargs)

        return run

    def _get(self, fact: Type[Any], *args: Any, **kwargs: Any) -> Any:
        self.asking = True
        try:
            return self._ask(fact, *args, **kwargs)
        finally:
            self.asking = False

    def get_fact(self, fact: Type[Any], *args: Any, **kwargs: Any) -> Any:
        """Return a fact as ``Host.get_fact`` gives it."""
        if not issubclass(fact, FactBase) or any(name.startswith("_") for name in kwargs):
            return self._get(fact, *args, **kwargs)
        if state.is_executing != self.executing:
            self.executing = state.is_executing
            if time.monotonic() - self.since > _FRESH:
                # Somebody may have looked at it for an hour.
                self.known.clear()
                self.pending = dict(self.wanted)
        key = _key(fact, *args, **kwargs)
        if not self.known:
            self.since = time.monotonic()
        if self.executing and key in self.order[self.reached :]:
            self.reached = self.order.index(key, self.reached)
        # Until something changes, all that will be asked are one question.
        if key not in self.known and key in (self.wanted if self.changed else self.pending):
            self._ask_together(self._next(key) if self.changed else self.pending)
        if key not in self.known:
            stands_in, arguments = self.wanted.get(key, (None, {}))
            self.known[key] = self._get(stands_in, **arguments) if stands_in else self._get(fact, *args, **kwargs)
        return self.known[key]

    def _next(self, key: str) -> Dict[str, Question]:
        """Return what is asked next, from ``key`` on, but for what takes long."""
        found = {key: self.wanted[key]}
        for other in self.order[self.reached :]:
            if other not in self.known and not getattr(self.wanted[other][0], "takes_long", False):
                found.setdefault(other, self.wanted[other])
        ahead, self.ahead = self.ahead, 2 * self.ahead
        return dict(list(found.items())[:ahead])

    def _ask_together(self, questions: Dict[str, Question]) -> None:
        # All paths are one question: each is a chain of six processes.
        several = {key: question for key, question in questions.items() if question[0] is PathStats}
        whole = PathStats.merged([arguments for _, arguments in several.values()])
        together = _key(PathStats, **whole)
        rest = {key: question for key, question in questions.items() if key not in several or len(several) == 1}
        if len(several) > 1:
            rest[together] = (PathStats, whole)
        self.pending = {key: question for key, question in self.pending.items() if key not in questions}
        self._ask_all(rest)
        if len(several) > 1 and together in self.known:
            answer, paths = self.known[together], set(whole["paths"])
            for key, (_, arguments) in several.items():
                self.known[key] = PathStats.part(answer, paths, arguments["paths"])

    def _ask_all(self, questions: Dict[str, Question]) -> None:
        left = dict(questions)
        while left:
            asked: List[Tuple[str, Question]] = []
            length = 0
            while left and (not asked or length < _LONGEST):
                key, question = left.popitem()
                asked.append((key, question))
                length += len(shlex.quote(shlex.quote(_shell_text(question[0](), question[1]))))
            values = self._get(Several, questions=[question for _, question in asked])
            for (key, _), value in zip(asked, values):
                if value is not UNKNOWN:
                    self.known[key] = value


def _key(fact: Type[Any], *args: Any, **kwargs: Any) -> str:
    arguments = getcallargs(fact().command, *args, **kwargs) if args or kwargs else {}
    return repr((fact, sorted((name, value) for name, value in arguments.items() if name != "self")))


def _cache() -> FactCache:
    this = state.inventory.get_host(host.name)  # not the context's stand-in for it
    owner = getattr(this.get_fact, "__self__", None)
    return owner if isinstance(owner, FactCache) else FactCache(this)


def enable() -> None:
    """Let the current host remember its facts for the rest of this run."""
    _cache()


@contextmanager
def only_below(folder: str) -> Iterator[None]:
    """Remember, while an operation's commands write below one folder alone, each fact that was not asked of a path there."""
    cache = _cache()
    cache.below = folder
    try:
        yield
    finally:
        cache.below = ""


def prefetch(fact: Type[FactBase[Any]], **arguments: Any) -> None:
    """Say, while a run is prepared, which fact an operation will want.

    Args:
        fact: its class. One with an attribute ``stands_for`` is asked in the place of that one, which takes no arguments.
        arguments: of its command, by name.
    """
    wanted = getattr(fact, "stands_for", None)
    cache, key = _cache(), _key(wanted) if wanted else _key(fact, **arguments)
    cache.wanted[key] = cache.pending[key] = (fact, arguments)
    cache.order.append(key)
