"""What names of a program stand for: each is looked for once, as names of names take forever."""

from __future__ import annotations

from typing import Dict, List, Optional

from melda.envs.formats.shell_values import SECRET


class NamedValues:
    """Names of one program, and the texts they stand for."""

    def __init__(self) -> None:
        self._known: Dict[str, Optional[List[str]]] = {}

    def named(self, name: str, depth: int = 0) -> Optional[List[str]]:
        """Return the texts that a name stands for; None: nobody knows that here, or it tells of a secret.

        Args:
            name: of the program.
            depth: how many others stand for it.
        """
        if SECRET.search(name):
            return None
        if name not in self._known:
            self._known[name] = None  # while it is looked for: it may stand for itself
            self._known[name] = self._found(name, depth)
        return self._known[name]

    def _found(self, name: str, depth: int) -> Optional[List[str]]:
        raise NotImplementedError
