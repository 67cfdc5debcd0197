"""What running kernels have loaded, asked so that nobody notices.

Jupyter's server says which kernels there are and which compute. Only those that are idle are asked, by one silent request
over their own channel: it shows nothing, counts nothing, is in no history, and defines nothing. A kernel that begins to
compute in the same moment gets to it afterwards, when nobody waits for the answer any more. One that is busy is
not asked, and the capture says so.
"""

from __future__ import annotations

import ast
import glob
import http.client
import json
import os
import time
from typing import Any, Dict, List, Mapping, Optional

from melda.base import regular_files
from melda.base.paths import TOKENS
from melda.config import base_url, jupyter_port
from melda.envs import Json
from melda.envs.capture.python import Found, modules
from melda.envs.errors import UsageError

SECONDS = 3.0  # for one kernel; R reads the names of its packages in milliseconds
LARGEST = 8 << 20
# user_expressions: evaluated where the user's names are, and bound to none. Values of __main__ that are modules, or come
# from one, are what the notebook imported itself.
_CODE = """[[str(n) for n in f] for s in [__import__('sys')] for f in [
 {n.split('.')[0] for n in list(s.modules)},
 {str(getattr(v, '__name__' if type(v) is type(s) else '__module__', '')).split('.')[0]
  for k, v in list(s.modules['__main__'].__dict__.items()) if not k.startswith('_')}]]"""
# In a namespace of its own: a notebook may have a variable that is called str.
IN_PYTHON = f"__import__('json').dumps(__import__('builtins').eval({_CODE!r}, {{}}))"
# IRkernel has no user_expressions, and shows nothing of a silent request. TryCatch: an error would be shown.
IN_R = (
    "base::local(base::tryCatch({{ f <- base::tempfile(tmpdir = base::dirname({file})); base::writeLines(base::c("
    "base::paste('a', base::sub('^package:', '', base::grep('^package:', base::search(), value = TRUE))),"
    " base::paste('l', base::loadedNamespaces())), f); base::file.rename(f, {file}) }},"
    " error = function(e) NULL, warning = function(w) NULL))"
)


def _token() -> str:
    for path in sorted(glob.glob(TOKENS), reverse=True):
        try:
            return regular_files.read(path, 1 << 12).decode("ascii").strip()
        except (OSError, ValueError):
            continue
    return ""


def _get(path: str, port: int, secret: str) -> List[Json]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request(
            "GET", base_url.from_env(os.environ) + path, headers={"Authorization": "token " + secret} if secret else {}
        )
        answer = connection.getresponse()
        content = answer.read(LARGEST)
        if answer.status != 200:
            raise UsageError(f"--attached: Jupyter answers {answer.status} when it is asked for its kernels")
        return [one for one in json.loads(content) if isinstance(one, dict)]
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UsageError(f"--attached: Jupyter does not answer: {error}") from None
    finally:
        connection.close()


def running(port: int = 0, token: Optional[str] = None) -> List[Json]:
    """Jupyter's kernels, each with the path of its notebook, where it has one.

    Args:
        port: Jupyter's; 0: what the environment says, as it does of Jupyter's path.
        token: Jupyter's; None: it is looked for.

    Raises:
        UsageError: Jupyter does not answer.
    """
    secret = _token() if token is None else token
    port = port or jupyter_port.from_env(os.environ)
    notebooks = {}
    for session in _get("api/sessions", port, secret):
        if isinstance(session.get("kernel"), dict):
            notebooks[session["kernel"].get("id")] = session.get("path", "")
    return [{**kernel, "path": notebooks.get(kernel.get("id"), "")} for kernel in _get("api/kernels", port, secret)]


def _reply(client: Any, message: str, deadline: float) -> Json:
    while True:
        reply: Json = client.get_shell_msg(timeout=max(0.01, deadline - time.monotonic()))
        if reply["parent_header"].get("msg_id") == message:
            return reply["content"]  # type: ignore[no-any-return]


def _ask_python(client: Any, deadline: float) -> List[List[str]]:
    # allow_stdin=False: it never waits for an answer of ours.
    message = client.execute(
        "", silent=True, store_history=False, user_expressions={"x": IN_PYTHON}, allow_stdin=False, stop_on_error=False
    )
    value = _reply(client, message, deadline)["user_expressions"]["x"]["data"]["text/plain"]
    # A kernel that anybody wrote: literal_eval runs nothing.
    loaded, attached = json.loads(ast.literal_eval(value))
    return [[str(name) for name in names] for names in (attached, loaded)]


def _ask_r(client: Any, deadline: float, folder: str) -> List[List[str]]:
    path = os.path.join(folder, "loaded")
    quoted = "'" + path.replace("\\", "\\\\").replace("'", "\\'") + "'"
    message = client.execute(
        IN_R.format(file=quoted), silent=True, store_history=False, allow_stdin=False, stop_on_error=False
    )
    _reply(client, message, deadline)
    lines = regular_files.head(path, LARGEST).decode("utf-8", "replace").splitlines()
    return [[line[2:] for line in lines if line.startswith(kind + " ")] for kind in "al"]


def ask(kernel: Json, runtime: str, folder: str, seconds: float = SECONDS) -> Optional[List[List[str]]]:
    """Return what a kernel has attached, and what it has loaded; None if it does not answer.

    Args:
        kernel: of :func:`running`.
        runtime: Jupyter's folder with connection files.
        folder: for the answer, the user's alone.
        seconds: to wait.
    """
    from jupyter_client import BlockingKernelClient  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 takes a while, and only this needs it

    language = kind(kernel)
    connection = os.path.join(runtime, "kernel-{0}.json".format(os.path.basename(str(kernel.get("id")))))
    client = BlockingKernelClient(connection_file=connection)
    try:
        client.load_connection_file()
        # The shell channel alone: who listens to others' output slows nobody down, but there is nothing to hear.
        client.start_channels(shell=True, iopub=False, stdin=False, hb=False, control=False)  # noqa: S604 # nosec B604
        deadline = time.monotonic() + seconds
        return _ask_python(client, deadline) if language == "python" else _ask_r(client, deadline, folder)
    except Exception:
        return None
    finally:
        client.stop_channels()


def kind(kernel: Json) -> str:
    """python, r, or empty for a kernel of another language."""
    name = str(kernel.get("name", ""))
    return "r" if name == "ir" else "python" if name.startswith("python") else ""


def find(python: Mapping[str, Found], runtime: str, folder: str, port: int = 0) -> List[Json]:
    """Return what each running kernel uses, by notebook, as a capture has it.

    Args:
        python: distributions beyond the image; their modules are called after them.
        runtime: Jupyter's folder with connection files.
        folder: for answers, the user's alone.
        port: as for :func:`running`.

    Raises:
        UsageError: Jupyter does not answer.
    """
    owners: Dict[str, List[str]] = {}
    for name, found in python.items():
        for module in modules(found.distribution):
            owners.setdefault(module, []).append(name)
    kernels = []
    for kernel in running(port):
        language = kind(kernel)
        idle = kernel.get("execution_state") == "idle"
        answer = ask(kernel, runtime, folder) if language and idle else None
        entry: Json = {"notebook": _printable(kernel.get("path")), "language": language, "asked": answer is not None}
        if answer is not None:
            for field, names in zip(("attached", "loaded"), answer):
                known = [one for name in names for one in owners.get(name, [])] if language == "python" else names
                entry[field] = sorted({_printable(name) for name in known})
        kernels.append(entry)
    return sorted(kernels, key=lambda entry: json.dumps(entry, sort_keys=True))


def _printable(text: object) -> str:
    return "".join(char for char in str(text or "") if char.isprintable())[:500]
