"""Facts that are asked once and known until an operation changes something on their host.

pyinfra asks the target for a fact each time an operation wants it, and a question to a container costs about 0.1 s. Seven tasks
want the installed packages, fourteen want to know what is at some paths.
"""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Set, Tuple, Type, TypeVar
from weakref import WeakKeyDictionary

from pyinfra import host
from pyinfra.api import FactBase, Host
from pyinfra.api.state import BaseStateCallback, State

T = TypeVar("T")
Known = Dict[Tuple[Any, ...], Any]

_KNOWN: WeakKeyDictionary[State, Dict[str, Known]] = WeakKeyDictionary()
_FORESEEN: WeakKeyDictionary[State, Dict[Tuple[str, Any], Dict[str, None]]] = WeakKeyDictionary()
_CHANGED: WeakKeyDictionary[State, Set[str]] = WeakKeyDictionary()


class _Forget(BaseStateCallback):
    """Forgets what was known of a host once an operation ran a command on it."""

    def __init__(self) -> None:
        self.last: Dict[str, str] = {}

    def operation_host_start(self, state: State, host: Host, op_hash: str) -> None:  # type: ignore[override]
        # At the start of the next operation, because pyinfra calls back before it has noted how one ended.
        last = state.ops[host].get(self.last.get(host.name, ""))
        if last is None or last.operation_meta.executed:
            _KNOWN[state].pop(host.name, None)
            if last is not None:
                _CHANGED.setdefault(state, set()).add(host.name)
        self.last[host.name] = op_hash


class Lines(FactBase[List[str]]):
    """The lines a command says; none if it fails."""

    @staticmethod
    def default() -> List[str]:
        return []

    def process(self, output: List[str]) -> List[str]:
        return output


def get(fact: Type[FactBase[T]], **arguments: Any) -> T:
    """A fact of the current host, as ``host.get_fact`` gives it.

    Args:
        fact: its class.
        arguments: of its command.
    """
    state = host.state
    if state not in _KNOWN:
        _KNOWN[state] = {}
        state.add_callback_handler(_Forget())
    known = _KNOWN[state].setdefault(host.name, {})
    # What was found while the run was prepared is old when it is executed.
    key = (state.is_executing, fact, *((name, repr(value)) for name, value in sorted(arguments.items())))
    if key not in known:
        known[key] = host.get_fact(fact, **arguments)
    found: T = known[key]
    return found


def foresee(fact: Type[FactBase[Dict[str, T]]], paths: Sequence[str]) -> None:
    """Say, while a run is prepared, which paths will be asked about, so that one question does for all.

    Args:
        fact: takes ``paths`` and answers by path.
        paths: absolute.
    """
    _FORESEEN.setdefault(host.state, {}).setdefault((host.name, fact), {}).update(dict.fromkeys(paths))


def at(fact: Type[FactBase[Dict[str, T]]], paths: Sequence[str]) -> Dict[str, T]:
    """What ``fact`` says of ``paths``, and maybe of others.

    Until something changes on the host, the others that were foreseen are asked about too.

    Args:
        fact: takes ``paths`` and answers by path.
        paths: absolute.
    """
    foreseen = _FORESEEN.get(host.state, {}).get((host.name, fact), {})
    unchanged = host.state.is_executing and host.name not in _CHANGED.get(host.state, ())
    return get(fact, paths=list(foreseen) if unchanged and foreseen.keys() >= set(paths) else list(paths))
