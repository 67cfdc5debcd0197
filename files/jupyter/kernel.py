"""Start the Python kernel, whatever the user installed.

The user's packages win over the image's, also those that the kernel itself needs. If it does not start with them,
it starts again with the image's alone; the user's become importable when it has started, to be repaired or removed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from importlib import metadata
from types import FrameType, TracebackType
from typing import Any, List, Optional

del sys.path[0]  # this file's folder

import melda_plugins  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

REASON = "MELDA_KERNEL_REASON"
ASKED = ("+", "++")  # marks of starts that somebody ended in a row: with a third one it is a package that ends them so
IMPATIENT = 30.0  # seconds before which who restarts a kernel that starts does so by chance, not because it hangs
# What a cell calls (%pip, !git) has a terminal on which nobody can answer: asked there, it would never end. cells.R has the same.
# https://pip.pypa.io/en/stable/topics/configuration/#environment-variables, https://git-scm.com/docs/git#_environment_variables
# A message that git has written itself (a merge's, a rebase's) is taken as it is.
UNASKED = {
    "PIP_YES": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "GIT_SEQUENCE_EDITOR": "false", "GIT_MERGE_AUTOEDIT": "no",
}  # fmt: skip
# Before what is called with ! alone: it has a terminal, and ssh asks on it. A program's own ssh (pexpect) may be answered there.
# https://man.openbsd.org/ssh#SSH_ASKPASS_REQUIRE
NO_INPUT = (
    "export SSH_ASKPASS=${SSH_ASKPASS:-false} SSH_ASKPASS_REQUIRE=${SSH_ASKPASS_REQUIRE:-force}; exec </dev/null; "
    # These ask on a terminal that they find themselves. Pagers show the whole where what they write goes to a pipe.
    + "".join('{0}() {{ command {0} "$@" | cat; }}; '.format(name) for name in ("less", "more"))
    # Who gives an editor options or commands may want no terminal: vi -es, vim +wq, nano --version.
    + "".join(
        '{0}() {{ case " $*" in *" "[-+]*) command {0} "$@"; return;; esac; '
        'echo "{0}: there is no editor in a cell: open it in JupyterLab, or with nano in a terminal" >&2; return 1; }}; '
        .format(name) for name in ("vi", "vim", "nano")
    )
    + "\n"
)  # fmt: skip


def distribution(module: str, folder: str) -> str:
    """Return what pip calls the package in ``folder`` that brings ``module``; the module's name where nothing says it."""
    for found in metadata.distributions(path=[folder]):
        if any(str(file).split("/", 1)[0] in (module, module + ".py") for file in found.files or ()):
            return str(found.metadata["Name"])
    return module


def culprit(trace: Optional[TracebackType], root: str) -> str:
    """Return the package in ``root`` in which an exception came up, as pip calls it; empty if there is none."""
    for frame in reversed(traceback.extract_tb(trace)):
        for folder in (melda_plugins.packages(root), root):
            if frame.filename.startswith(folder + "/"):
                name = frame.filename[len(folder) + 1 :].split("/")[0]
                return distribution(name[:-3] if name.endswith(".py") else name, folder)
    return ""


def complaint(root: str, name: str, error: str) -> str:
    """Return what went wrong, in one line."""
    return "{0} in {1} keeps the Python kernel from starting ({2}). It runs with the image's packages. {3}".format(
        name or "a package",
        root,
        error,
        "To remove it: %pip uninstall -y " + name
        if name
        else "To see yours: %pip list --path " + melda_plugins.packages(root),
    )


def _is_under_way(mark: str) -> bool:
    """See whether who wrote this starts still: two restarts at once start two kernels. On a full disk a mark is empty."""
    return mark.isdigit() and int(mark) != os.getpid() and os.path.exists("/proc/" + mark)


class Attempt:
    """A start that is under way, seen by the next one if the process ends in it.

    Jupyter starts a kernel again that ended, with the same connection file. A user who restarts it twice ends it too, and no
    package is to blame for that, unless it kept them waiting.
    """

    def __init__(self, arguments: List[str]) -> None:
        self._began = time.monotonic()
        self._mark = arguments[arguments.index("-f") + 1] + ".starting" if "-f" in arguments[:-1] else ""
        self.crashed, self._asked = False, ""
        if self._mark:
            with contextlib.suppress(OSError), open(self._mark, encoding="ascii") as stream:
                mark = stream.read()
                self._asked = mark if mark in ASKED else ""
                self.crashed = not self._asked and not _is_under_way(mark)
            self._write(str(os.getpid()))

    def _write(self, mark: str) -> None:
        with contextlib.suppress(OSError), open(self._mark, "w", encoding="ascii") as stream:
            stream.write(mark)

    def watch_signals(self) -> None:
        """Let an interrupt find nothing to interrupt, as ipykernel does when it is up, and a wish to end be nobody's fault."""
        # A function, as children inherit what is ignored.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, self._asked_to_end)

    def _asked_to_end(self, number: int, _: Optional[FrameType]) -> None:
        if self._mark and time.monotonic() - self._began < IMPATIENT:
            self._write(self._asked + "+")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def end(self) -> None:
        """Take note that the kernel is up, or why not."""
        with contextlib.suppress(OSError):
            os.unlink(self._mark)
        if signal.getsignal(signal.SIGTERM) == self._asked_to_end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def without_plugins(reason: str) -> None:
    """Become a kernel that starts with the image's packages alone."""
    os.write(2, (reason + "\n").encode("utf-8", "replace"))
    variables = {**os.environ, REASON: reason, melda_plugins.WITHOUT: "1"}
    python = os.path.join(melda_plugins.IMAGE, "bin", "python")
    os.execve(python, [python, os.path.abspath(__file__), *sys.argv[1:]], variables)  # nosec B606 # noqa: S606


def give_no_input(module: Any) -> None:
    """Let what a cell calls with ! find the end of its input at once: a program that reads what nobody types would never end."""
    system = getattr(module, "system", None)
    if system is not None:
        module.system = lambda command: system(NO_INPUT + command)


def say_once(shell: Any, text: str) -> None:
    """Show ``text`` in the first cell that the user runs."""

    def show(_: object) -> None:
        shell.events.unregister("pre_run_cell", show)
        sys.stderr.write(text + "\n")

    shell.events.register("pre_run_cell", show)


def main() -> None:
    """Run the kernel until it is shut down."""
    reason = os.environ.pop(REASON, "")
    for name, value in UNASKED.items():
        os.environ.setdefault(name, value)
    root = melda_plugins.folder()
    attempt = Attempt(sys.argv)
    attempt.watch_signals()
    if attempt.crashed and root and not reason:
        attempt.end()
        without_plugins(complaint(root, "", "the process ended"))
    kept: List[int] = [os.dup(1), os.dup(2)]  # the kernel puts pipes of its own in their place
    try:
        from ipykernel import kernelapp  # noqa: PLC0415 may fail, and is tried

        app = kernelapp.IPKernelApp.instance()
        app.initialize()
    except BaseException as error:
        attempt.end()
        if reason or not root:
            raise
        for number, copy in enumerate(kept, 1):
            os.dup2(copy, number)
        text = "{0}: {1}".format(type(error).__name__, " ".join(str(error).split())[:200])
        without_plugins(complaint(root, culprit(error.__traceback__, root), text))
    attempt.end()
    give_no_input(sys.modules.get("ipykernel.zmqshell"))
    for copy in kept:
        os.close(copy)
    if reason:
        os.environ.pop(melda_plugins.WITHOUT, None)
        melda_plugins.arrange(again=True)
        say_once(app.shell, reason)
    app.start()


if __name__ == "__main__":
    main()
