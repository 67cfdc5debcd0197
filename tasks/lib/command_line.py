"""What is wrong with pyinfra's command line."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TextIO, Tuple

# They ask nothing: facts, commands of one's own, and what pyinfra says of the inventory.
_ASK_NOTHING = ("fact", "exec", "debug-inventory")
_NO_QUESTION = ("yes", "dry", "json_output", "debug_facts", "debug_operations")


def data(options: Dict[str, Any]) -> List[Tuple[str, str]]:
    """Return the names and values of ``--data``.

    Args:
        options: of pyinfra's command line, by their names.
    """
    found = (word.partition("=") for word in options.get("data") or ())
    return [(name, value) for name, _, value in found]


def problem(options: Dict[str, Any], stdin: Optional[TextIO]) -> str:
    """Say in one line what ends this run before it begins, or nothing.

    Args:
        options: of pyinfra's command line, by their names.
        stdin: where the answer to pyinfra's question would come from.
    """
    if any("=" not in word for word in options.get("data") or ()):
        return "invalid --data: expected NAME=VALUE"
    asks = (options.get("operations") or ("",))[0] not in _ASK_NOTHING
    if asks and not any(options.get(name) for name in _NO_QUESTION) and not (stdin and stdin.isatty()):
        # pyinfra would collect all facts, ask, and end with a traceback.
        return "no terminal to ask on: expected -y, which answers yes, or --dry, which changes nothing"
    return ""
