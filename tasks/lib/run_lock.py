"""One run at a time on a target: whoever changes something there first has a lock until that run ends, however it ends.

A command ends before the run does, so a program there has the lock: ``cat``, which reads from a pipe to this process.
"""

from __future__ import annotations

import secrets
import threading
from typing import Any, Callable, List

from pyinfra.api import StringCommand

from tasks.lib.staging import LOCK, PATIENCE, refuse

_RUN = secrets.token_hex(8)


class _WhileThisRuns(List[str]):
    """Input for a command, of which pyinfra waits for the first line for ever."""

    def __iter__(self) -> Any:
        threading.Event().wait()


def _hold(name: str) -> str:
    # Nobody else may open the file, and so lock it.
    return f"( umask 077; : >>{LOCK} ) && exec flock -w {PATIENCE} {LOCK} cat - {name} >/dev/null"


def _wait(name: str) -> str:
    holders = f"$(grep -aohs '^cat.-.{_RUN}[.0-9a-f]*' /proc/[0-9]*/cmdline | tr -d '\\0')"
    twice = refuse("this target has two names in one run: expected one").get_raw_value()
    late = refuse("another run is at work on this target: expected one at a time").get_raw_value()
    return (
        f'n=0; while :; do case "{holders}" in *{name}*) break;; ?*) {twice};; esac;'
        f" if [ $n = {PATIENCE * 5} ]; then {late}; fi; n=$((n + 1)); sleep 0.2; done"
    )


def locked(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``run``, a host's ``run_shell_command``, that begins when this run has the target for itself."""
    name = f"{_RUN}.{secrets.token_hex(4)}"
    has_it = False

    def first(command: StringCommand, *args: Any, **kwargs: Any) -> Any:
        nonlocal has_it
        if not has_it:
            # pyinfra makes a greenlet of the thread.
            held = {**kwargs, "_stdin": _WhileThisRuns(("",)), "print_output": False, "print_input": False}
            threading.Thread(target=run, args=(StringCommand(_hold(name)),), kwargs=held, daemon=True).start()
            waited = run(StringCommand(_wait(name)), *args, **kwargs)
            if not waited[0]:
                return waited
            has_it = True
        return run(command, *args, **kwargs)

    return first
