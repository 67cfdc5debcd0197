"""What names of a program stand for: where they hold, and each looked for once, as names of names take forever."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from melda.envs.formats.shell_values import SECRET

Place = Tuple[int, int]
Text = Union[str, Tuple[str, ...]]  # a list is a tuple of its words
PLACES = 2000  # of one name


class Scope(NamedTuple):
    """A part of a program in which a name is its own: a loop's body, or a function.

    Attributes:
        begin: its first place.
        end: its last.
        values: what the name stands for; None: nobody knows.
        each: it stands for each word of these, one after the other.
    """

    begin: Place
    end: Place
    values: Optional[Sequence[Any]]
    each: bool


class NamedValues:
    """Names of one program, and the texts they stand for. A name that may stand for several things is not known."""

    def __init__(self) -> None:
        self._known: Dict[Tuple[str, Optional[Place]], Optional[List[Text]]] = {}
        self._scopes: Dict[str, List[Scope]] = {}
        self._given: Dict[str, List[Tuple[Place, Any]]] = {}  # by assignment; None: nobody knows
        self._loops: Set[str] = set()  # behind a loop its name goes on

    def named(self, name: str, place: Place, depth: int = 0) -> Optional[List[Text]]:
        """Return the texts that a name stands for, one or the other; None: nobody knows that here, or it tells of a secret.

        Args:
            name: of the program.
            place: where it is used.
            depth: how many others stand for it.
        """
        scopes, given = self._scopes.get(name, []), self._given.get(name, [])
        if SECRET.search(name) or len(scopes) + len(given) > PLACES:
            return None
        within = [one for one in scopes if one.begin <= place <= one.end]
        scope = max(within, key=lambda one: one.begin) if within else None
        key = (name, scope.begin if scope else None)
        if key not in self._known:
            self._known[key] = None  # while it is looked for: it may stand for itself
            self._known[key] = self._within(name, scope, depth) if scope else self._outside(name, depth)
        return self._known[key]

    def _within(self, name: str, scope: Scope, depth: int) -> Optional[List[Text]]:
        others = [at for at, _ in self._given.get(name, [])]
        others += [one.begin for one in self._scopes[name] if one.begin > scope.begin]
        if scope.values is None or any(scope.begin <= at <= scope.end for at in others):
            return None
        return self._texts(scope.values, scope.each, depth)

    def _outside(self, name: str, depth: int) -> Optional[List[Text]]:
        values = [value for _, value in self._given.get(name, [])]
        if not values or name in self._loops or any(one is None for one in values):
            return None
        first = self._written(values[0])
        if any(self._written(one) != first for one in values[1:]):
            return None
        return self._texts(values[:1], False, depth)

    def _texts(self, values: Sequence[Any], each: bool, depth: int) -> Optional[List[Text]]:
        found: Dict[Text, None] = {}
        for value in values:
            texts = self.of(value, depth + 1)
            if texts is None:
                return None
            for text in texts:
                if each and isinstance(text, str):
                    return None
                found.update(dict.fromkeys(text) if each else {text: None})
        return list(found)

    def of(self, value: Any, depth: int = 0) -> Optional[List[Text]]:
        """Return the texts that an expression stands for, one or the other; None: nobody knows that here."""
        raise NotImplementedError

    def _written(self, value: Any) -> str:
        """Return how an expression is written."""
        raise NotImplementedError
