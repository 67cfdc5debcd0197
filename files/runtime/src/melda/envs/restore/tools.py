"""The programs that install, and the environment they run in."""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import threading
import time
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from melda.base.addresses import hide
from melda.config import environ
from melda.envs.errors import PackageUnavailable, UsageError

UV_LOCK = os.path.join(environ.SRC, "uv.txt")
# How pip's settings are called for uv, which does not read pip.conf.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "no-index": "UV_NO_INDEX",
}
# Would lead what is built, or R, to packages that are none of theirs.
LEFT_OUT = (
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHOME",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_USER",
    "R_LIBS",
    "R_LIBS_USER",
    "R_PROFILE_USER",
    # Go to their hosts alone, see restore/repositories.py.
    "GITHUB_PAT",
    "GITLAB_PAT",
)
PATIENCE = 30.0  # seconds for what a killed restore has started
_held: List[int] = []  # descriptors of the lock, which children keep


class Done(NamedTuple):
    """How a program ended: its exit code, and its output."""

    code: int
    output: str


def variables(place: environ.ImageLayout) -> Dict[str, str]:
    """Return the environment of what installs: the user's, without secrets."""
    found = {
        name: value
        for name, value in environ.load().items()
        if not name.startswith(environ.HIDDEN_PREFIXES) and name not in environ.HIDDEN and name not in LEFT_OUT
    }
    # In English: of what R, git and compilers say, the line is looked for that tells why they gave up.
    return {**found, "HOME": place.user.home, "UV_CACHE_DIR": packages(place), "LANGUAGE": "en"}


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """Ctrl+C waits until the end: in the middle of a start, nobody would know of the program that runs then."""
    pressed: List[int] = []
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def run(
    command: Sequence[str], env: Dict[str, str], say: Optional[Callable[[str], None]] = None, directory: str = "/"
) -> Done:
    """Run a program to its end; if we are interrupted, it is ended too, with all it has started.

    Args:
        command: what to run.
        env: all its variables.
        say: takes each line as it comes.
        directory: where it runs.

    Raises:
        PackageUnavailable: it is not there.
    """
    output: List[str] = []
    process = None
    try:
        try:
            with _whole():
                # A session of its own: a compiler's children end with it.
                process = subprocess.Popen(
                    command, env=env, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    encoding="utf-8", errors="replace", start_new_session=True, pass_fds=tuple(_held),
                )  # fmt: skip
        except OSError as error:
            raise PackageUnavailable(f"{command[0]} cannot be run: {error.strerror}") from None
        for line in process.stdout or ():
            output.append(line)
            if say:
                say(line)
        return Done(process.wait(), "".join(output))
    except BaseException:
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        raise


@contextlib.contextmanager
def alone(folder: str) -> Iterator[None]:
    """Of all restores of a project, only one at a time.

    What a restore that was killed has started holds the lock too, until it has ended: it is waited for.

    Raises:
        UsageError: another one runs.
    """
    os.makedirs(folder, exist_ok=True)
    deadline = time.monotonic() + PATIENCE
    with open(os.path.join(folder, "lock"), "w", encoding="ascii") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= deadline:
                    raise UsageError("another melda-env restore runs in this container: it must end first") from None
                time.sleep(0.1)
        _held.append(stream.fileno())
        try:
            yield
        finally:
            _held.remove(stream.fileno())


def cache(place: environ.ImageLayout) -> str:
    """Return a folder of the user's for what need not be fetched twice."""
    return os.path.join(place.user.home, ".cache", "melda-env")


def packages(place: environ.ImageLayout) -> str:
    """uv's cache while a restore goes on; one that was interrupted finds there what it had.

    It is removed at the end: the installed files are links to those in it, and whoever edits one would edit the other.
    """
    return os.path.join(cache(place), "packages")


def uv(place: environ.ImageLayout, env: Dict[str, str], lock: str = UV_LOCK) -> str:
    """Return the path of uv: the one on PATH, else one that pip fetches, checked against its locked hash.

    It is no part of the image: it is as large as Python, and most containers never need it.

    Raises:
        PackageUnavailable: it cannot be fetched.
    """
    others = [folder for folder in env.get("PATH", "").split(":") if folder != environ.SRC]  # melda/envs/uv.py is there
    there = shutil.which("uv", path=":".join(others))
    folder = os.path.join(cache(place), "uv")
    found = there or os.path.join(folder, "bin", "uv")
    if os.access(found, os.X_OK):
        return found
    new, python = folder + ".new", os.path.join(place.python_env, "bin", "python")
    shutil.rmtree(new, ignore_errors=True)
    done = run(
        [
            python, "-I", "-m", "pip", "--python", python,
            "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check", "--no-deps", "--require-hashes",
            "--target", new, "--requirement", lock,
        ],
        env,
    )  # fmt: skip
    if done.code:
        raise PackageUnavailable(f"uv cannot be fetched: {last_line(done.output)}")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(new, folder)
    return found


def last_line(said: str) -> str:
    """Return the line in which a program says why it gave up."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e: ", "fatal"))]
    return hide((errors or lines or ["no reason given"])[-1])[:300]


def pip_settings(home: str, env: Dict[str, str], etc: str = "/etc/pip.conf") -> Dict[str, str]:
    """Return where packages come from, as pip is told: the host's file, the user's, the environment's, later ones win.

    Returns:
        Variables for uv.
    """
    paths = [etc, os.path.join(home, ".pip", "pip.conf"), os.path.join(home, ".config", "pip", "pip.conf")]
    paths += [env["PIP_CONFIG_FILE"]] if env.get("PIP_CONFIG_FILE") else []
    given: Dict[str, str] = {}
    for path in paths:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                given.update(parser.items(section))
    given.update({name: env[variable] for name in UV_NAMES for variable in [_variable(name)] if env.get(variable)})
    found = {}
    for name, theirs in UV_NAMES.items():
        value = " ".join(given.get(name, "").split())
        if value and not env.get(theirs):
            found[theirs] = value.replace(" ", ",") if name == "find-links" else value
    if not env.get("UV_SYSTEM_CERTS"):
        found["UV_SYSTEM_CERTS"] = "true"  # as pip does: a certificate of the site's own is in the system's store
    if env.get("REQUESTS_CA_BUNDLE") and not env.get("SSL_CERT_FILE"):
        found.setdefault("SSL_CERT_FILE", env["REQUESTS_CA_BUNDLE"])  # pip's requests reads it
    if "UV_INDEX" in found:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip's: of all indexes the best
    return found


def _variable(name: str) -> str:
    return "PIP_" + name.upper().replace("-", "_")
