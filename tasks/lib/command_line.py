"""What is wrong with pyinfra's command line."""

from __future__ import annotations

import io
import os
from typing import Any, Dict, List, Optional, TextIO, Tuple

from pyinfra.api import State
from pyinfra.api.exceptions import PyinfraError

# They ask nothing: facts, commands of one's own, and what pyinfra says of the inventory.
_ASK_NOTHING = ("fact", "exec", "debug-inventory")
_CHANGE_NOTHING = ("dry", "json_output", "debug_facts", "debug_operations")
_NO_QUESTION = ("yes", *_CHANGE_NOTHING)
_PASSWORDS = ("same_sudo_password", "ssh_password_prompt")


def data(options: Dict[str, Any]) -> List[Tuple[str, str]]:
    """Return the names and values of ``--data``."""
    found = (word.partition("=") for word in options.get("data") or ())
    return [(name, value) for name, _, value in found]


def problem(options: Dict[str, Any], stdin: Optional[TextIO]) -> str:
    """Say in one line what ends this run before it begins, or nothing."""
    if any("=" not in word for word in options.get("data") or ()):
        return "invalid --data: expected NAME=VALUE"
    asks = (options.get("operations") or ("",))[0] not in _ASK_NOTHING
    if asks and not any(options.get(name) for name in _NO_QUESTION) and not (stdin and stdin.isatty()):
        # pyinfra would collect all facts, ask, and end with a traceback.
        return "no terminal to ask on: expected -y, which answers yes, or --dry, which changes nothing"
    passwords = [name for name in _PASSWORDS if options.get(name)]
    if passwords and not _has_terminal(stdin):
        return f"no terminal to ask on for --{passwords[0].replace('_', '-')}: expected a key, and a sudo that asks for none"
    return ""


def _has_terminal(stdin: Optional[TextIO]) -> bool:
    """Is there a terminal, where getpass looks for one?"""
    if stdin and stdin.isatty():
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Enter(io.TextIOBase):
    """Somebody who presses Enter whenever asked."""

    def readline(self, _size: int = -1) -> str:  # type: ignore[override]
        """Return an empty line."""
        return "\n"


def goes_on(options: Dict[str, Any], stdin: Optional[TextIO]) -> bool:
    """Shall pyinfra's "One of more hosts failed, continue?" be answered with Enter?

    There is nobody to answer it, and a run that changes nothing goes on for the hosts that are left. It has no option for that.
    """
    return any(options.get(name) for name in _CHANGE_NOTHING) and not (stdin and stdin.isatty())


def demand_hosts() -> None:
    """End this run where its inventory, or what ``--limit`` and ``--exclude`` leave of it, has no host: pyinfra ends with 0."""
    init = State.init

    def checked(self: State, inventory: Any, config: Any, initial_limit: Any = None) -> None:
        if not [*(inventory if initial_limit is None else initial_limit)]:
            raise PyinfraError(
                "no host: expected an inventory, and a --limit and --exclude of it, that leave one at least"
            )
        init(self, inventory, config, initial_limit=initial_limit)

    setattr(State, "init", checked)  # noqa: B010 - mypy lets no method be assigned
