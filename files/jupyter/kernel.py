"""Start the Python kernel, whatever the user installed.

The user's packages win over the image's, also those that the kernel itself needs. If it does not start with them,
it starts again with the image's alone; the user's become importable when it has started, to be repaired or removed.
"""

from __future__ import annotations

import os
import sys
import traceback
from types import TracebackType
from typing import Any, List, Optional

del sys.path[0]  # this file's folder

import melda_plugins  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

REASON = "MELDA_KERNEL_REASON"


def culprit(trace: Optional[TracebackType], root: str) -> str:
    """The package in ``root`` in which an exception came up, as a name to remove; empty if there is none."""
    for frame in reversed(traceback.extract_tb(trace)):
        for base in (melda_plugins.packages(root), root):
            if root and frame.filename.startswith(base + "/"):
                name: str = frame.filename[len(base) + 1 :].split("/")[0]
                return name[:-3] if name.endswith(".py") else name
    return ""


def complaint(error: BaseException) -> str:
    """What went wrong, in one line."""
    root = melda_plugins.folder()
    name = culprit(error.__traceback__, root)
    what = "{0} in {1} keeps".format(name, root) if name else "a package in {0} keeps".format(root)
    return "{0} the Python kernel from starting ({1}: {2}). It runs with the image's packages. {3}".format(
        what, type(error).__name__, " ".join(str(error).split())[:200],
        "To remove it: %pip uninstall {0}".format(name) if name else "See: %pip list",
    )  # fmt: skip


def say_once(shell: Any, text: str) -> None:
    """Show ``text`` in the first cell that the user runs."""

    def show(_: object) -> None:
        shell.events.unregister("pre_run_cell", show)
        sys.stderr.write(text + "\n")

    shell.events.register("pre_run_cell", show)


def main() -> None:
    """Run the kernel until it is shut down."""
    reason = os.environ.pop(REASON, "")
    kept: List[int] = [os.dup(1), os.dup(2)]  # the kernel puts pipes of its own in their place
    try:
        from ipykernel import kernelapp  # noqa: PLC0415 may fail, and is tried

        app = kernelapp.IPKernelApp.instance()
        app.initialize()
    except BaseException as error:
        if reason or not melda_plugins.folder():
            raise
        for number, copy in enumerate(kept, 1):
            os.dup2(copy, number)
        reason = complaint(error)
        os.write(2, (reason + "\n").encode("utf-8", "replace"))
        variables = {**os.environ, REASON: reason, melda_plugins.WITHOUT: "1"}
        python = os.path.join(melda_plugins.IMAGE, "bin", "python")
        os.execve(python, [python, os.path.abspath(__file__), *sys.argv[1:]], variables)  # noqa: S606
    for copy in kept:
        os.close(copy)
    if reason:
        os.environ.pop(melda_plugins.WITHOUT, None)
        melda_plugins.arrange(again=True)
        say_once(app.shell, reason)
    app.start()


if __name__ == "__main__":
    main()
