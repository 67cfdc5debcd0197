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


class RunLock:
    """The lock of one host, whose ``run_shell_command`` is ``run``."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run
        self.name = f"{_RUN}.{secrets.token_hex(4)}"
        self.has_it = False

    def demanded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``method``, ``run`` or a host's ``put_file``, that begins when this run has the target for itself."""

        def first(*args: Any, **kwargs: Any) -> Any:
            if not self.has_it:
                how = {name: value for name, value in kwargs.items() if name.startswith("_")}
                held = {**how, "_stdin": _WhileThisRuns(("",))}
                # pyinfra makes a greenlet of the thread.
                threading.Thread(
                    target=self.run, args=(StringCommand(_hold(self.name)),), kwargs=held, daemon=True
                ).start()
                waited = self.run(
                    StringCommand(_wait(self.name)), print_output=kwargs.get("print_output", False), **how
                )
                if not waited[0]:
                    return waited if method is self.run else False
                self.has_it = True
            return method(*args, **kwargs)

        return first
