"""Jupyter's server as a process: it loads its code while the container is being prepared, and starts when it is told to.

Loading takes most of the time of a start, and needs nothing of the project. Run with ``-I``: Jupyter itself takes no packages
from the project, so what a user installs there cannot keep it from starting. Its kernels do take them.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
import threading
import time
from importlib.metadata import distribution
from pathlib import Path
from typing import Callable, List, NoReturn

# Last: nothing of ours stands in for a module of Jupyter's. -I leaves this folder out.
sys.path.append(str(Path(__file__).resolve().parents[2]))
if __name__ == "__main__":
    # It would be a tenth of the time of a start, for nothing: of 150,000 objects 2,500 are garbage when Jupyter listens.
    gc.disable()

from melda.base import log, memory, oom
from melda.base.errors import EXIT_UNSAVED
from melda.config import base_url, hub, ipv6, jupyter_port, notebook_args, origins, secret_files
from melda.jupyter import (
    activity,
    contents,
    extensions,
    failed_starts,
    guard,
    kernel_sockets,
    lab_settings,
    odd_files,
    pdf,
    redact,
    saving,
    served_files,
    storage,
    stranger_limits,
)
from melda.jupyter.start_attempts import Attempt

# Distribution and command; a JupyterHub's token says that it started us.
BEHIND_A_HUB = hub.TOKEN in os.environ
NAME, COMMAND = ("jupyterhub", "jupyterhub-singleuser") if BEHIND_A_HUB else ("notebook", "jupyter-notebook")

# Before the names of variables that count from the moment on when everything is ready, see melda/config/environ.py: until
# then this process calls nothing that the user could have installed, uname(1) for instance.
HELD_BACK = "MELDA_LATER_"

# Where it is found: the platform's server and the health check look nowhere else. A command line has the last word.
FIXED = ("certfile=", "sock=")

# Seconds for saves, and for whatever else is under way at the end. Kernels have had two of the five that Jupyter has then.
SAVING, LEAVING = 2.0, 2.5


def _protect() -> None:
    """Keep secrets out of the log, and pages of others' away; a hub has its own word on who may use Jupyter."""
    others = redact.of_addresses(os.environ)
    if BEHIND_A_HUB:
        redact.install([*others, *(os.environ[name] for name in hub.TOKENS if name in os.environ)])
        return
    with open(os.environ[secret_files.COPY], encoding="ascii") as stream:
        token = stream.read().strip()
    redact.install([*others, token])
    redact.write_no_page()
    guard.install(origins.parse(os.environ.get(origins.VARIABLE, "")), token)
    guard.close_answers()


def _fixed() -> List[str]:
    """Options that no configuration of the user's changes; a JupyterHub has its own."""
    if BEHIND_A_HUB:
        return []
    server = "NotebookApp" if int(distribution(NAME).version.split(".")[0]) < 7 else "ServerApp"
    where = (
        "ip=" + ("*" if ipv6.listens(os.environ) else "0.0.0.0"),  # nosec B104 # noqa: S104
        f"port={jupyter_port.from_env(os.environ)}",
        "base_url=" + base_url.parse(os.environ.get(base_url.VARIABLE, "")),
    )
    return [f"--{server}.{option}" for option in (*where, *FIXED)]


def _listens(attempt: Attempt) -> None:
    """Jupyter listens: from now on garbage is collected, and what was loaded is looked at no more."""
    attempt.finish()
    gc.freeze()
    gc.enable()


def after_saves(code: int) -> int:
    """Let what is being written be finished, and return the exit code that is right then."""
    cut_off = saving.unfinished(SAVING)
    if not cut_off:
        return code
    names = ", ".join(repr(os.path.basename(path)) for path in cut_off)
    log.error(f"jupyter: it ends while it saves {names}: the former content is beside it, as {saving.BACKUP}NAME")
    return code or EXIT_UNSAVED


def main() -> int:
    """Arguments: where to work, then Jupyter's own. Standard input: a line when everything is ready."""
    oom.offer_children()  # kernels, and whatever else Jupyter starts
    (entry,) = (point for point in distribution(NAME).entry_points if point.name == COMMAND)
    serve = entry.load()
    _protect()
    activity.install()
    saving.install()
    contents.install()
    storage.install()
    odd_files.install()
    served_files.install()
    settings = lab_settings.install(sys.argv[1])
    pdf.install()
    extensions.install()
    kernel_sockets.install()
    failed_starts.install()
    isolated = ["-I"] if sys.flags.isolated else []
    attempt = Attempt([sys.executable, *isolated, os.path.abspath(__file__), *sys.argv[1:]])
    stranger_limits.limit(os.environ.get(secret_files.COPY, ""), lambda: _listens(attempt))
    if not attempt.wait():
        return 1
    for name in [name for name in os.environ if name.startswith(HELD_BACK)]:
        os.environ[name[len(HELD_BACK) :]] = os.environ.pop(name)
    most = memory.limit()
    if most:
        os.environ.setdefault("MEM_LIMIT", str(most))  # jupyter-resource-usage shows it; a hub has set it
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.chdir(sys.argv[1])
    more = notebook_args.parse(os.environ.get(notebook_args.VARIABLE, ""))
    sys.argv[:] = [COMMAND, *_fixed(), *more, *sys.argv[2:]]
    code = attempt.run(serve)
    if code and more and not attempt.over:
        log.error(f"jupyter: it does not start with {notebook_args.VARIABLE}; its own line above says why")
    until = time.monotonic() + SAVING
    code = after_saves(code)
    if not settings.settle(max(0.0, until - time.monotonic())):
        log.error("jupyter: settings of JupyterLab changed last are not kept: storage did not answer in time")
        code = code or EXIT_UNSAVED
    return code


def leave(run: Callable[[], int]) -> NoReturn:
    """Run, and end without taking the interpreter apart: that is a second of work, of the ten that a stop has.

    All else that belongs to an end is done: threads are waited for, and what was registered with atexit is called. But not for
    ever: an export in a thread, or an installation of JupyterLab's extension manager, takes minutes.
    """
    code = [1]

    def last() -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code[0])

    atexit.register(last)  # what is registered first is called last
    patience = threading.Timer(LEAVING, last)
    patience.daemon = True
    try:
        code[0] = run()
    except SystemExit as error:
        code[0] = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    finally:
        patience.start()
    sys.exit(code[0])


if __name__ == "__main__":
    leave(main)
